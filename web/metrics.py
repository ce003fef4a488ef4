"""What Prometheus may know: requests by route, events by where they went. No phone numbers, no ids."""

import time
from functools import cache

from aiohttp import web
from prometheus_client import Counter, Histogram

from process.metrics import exposition
from schemas.models import TAKEN_UP
from web.answers import Next

# Up to the longest wait for an outcome, 9 s.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 9, 15)

EVENTS = Counter("web_events", "Events accepted, by where they were stored", ["topic", "stored_in"])
event_stored = cache(EVENTS.labels)
# A rate over a series that begins with 1 is 0: what alerts look for is there before it first happens.
for _topic in TAKEN_UP:
    for _place in ("kafka", "spool", "nowhere"):
        event_stored(_topic, _place)
_REQUESTS = Histogram(
    "web_request_seconds", "Requests by route and status", ["route", "status"], buckets=_BUCKETS
)
# Looking a label up costs ten times as much as counting.
_took = cache(_REQUESTS.labels)


@web.middleware
async def measured(request: web.Request, handler: Next) -> web.StreamResponse:
    """Time a request under its route's pattern."""
    begun = time.monotonic()
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "none"
    _took(route, response.status).observe(time.monotonic() - begun)
    return response


async def metrics(request: web.Request) -> web.Response:
    """Answer in Prometheus' text format."""
    return exposition()
