"""A span for each request of the API and each webhook; its trace goes on in the workers."""

from aiohttp import web
from opentelemetry.trace import SpanKind

from process.tracing import span
from schemas.topics import TRACE_HEADER
from web.answers import REQUEST_ID, Next

# Health, metrics and the operators' pages are asked for all the time and begin nothing.
_TRACED = ("/api/", "/webhook/")


@web.middleware
async def traced(request: web.Request, handler: Next) -> web.StreamResponse:
    """Name the span after the route's pattern: the path itself may hold a number."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource else ""
    if not route.startswith(_TRACED):
        return await handler(request)
    parent = request.headers.get(TRACE_HEADER)
    about = {"http.request.method": request.method, "http.route": route, "request_id": request[REQUEST_ID]}
    with span(f"{request.method} {route}", SpanKind.SERVER, parent, **about) as current:
        response = await handler(request)
        current.set_attribute("http.response.status_code", response.status)
        return response
