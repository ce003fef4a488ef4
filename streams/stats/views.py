"""The stats worker's views, served from the start: JSON for programs, a page for a browser.

They are `/stats`, `/conversations/…`, `/live`, `/ready` and `/metrics`. `/stats/local`,
`/conversations/local` and `/rebuild/local` are what stats workers ask each other; `/records` and `/rebuild`
serve `whatsapp-microservice stats`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import web

from clients.service_token import PROOF_HEADER, TOKEN_HEADER, PeerProofs, is_authorized
from process.metrics import exposition
from schemas.errors import InvalidInput, Unavailable
from schemas.phone import conversation_key
from schemas.stats_query import StatsQuery, refuse_unknown
from streams import html
from streams.stats import counting
from streams.stats.cluster import Cluster
from streams.stats.figures import Figures
from streams.stats.live import LiveRecords
from streams.stats.page import Page, number_in
from streams.stats.rebuild import TOPIC, source_of

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RETRY_AFTER = {"Retry-After": "2"}
_LARGEST_PARTITION = 999
# Whole records are about 1 kB each.
_MOST_RECORDS = 2000
_OPEN = frozenset({"/live", "/ready", "/metrics", "/stats", ""})
"""What anybody may see, because nothing in it is personal."""


class StatsViews:
    """The views. Right, or 503: nothing partial is shown."""

    def __init__(
        self,
        records: LiveRecords,
        cluster: Cluster,
        figures: Figures,
        tokens: Sequence[str],
        proofs: PeerProofs,
    ) -> None:
        self._records = records
        self._cluster = cluster
        self._figures = figures
        self._tokens = tokens
        self._proofs = proofs

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_problems, self._personal])
        for path, handler in {
            "/live": self._live,
            "/ready": self._ready,
            "/metrics": self._metrics,
            "/stats": self._stats,
            "/stats/local": self._stats_local,
            "/conversations": self._conversations,
            "/conversations/": self._conversations,
            "/conversations/local": self._conversations_local,
            "/conversations/{phone}": self._conversation,
            "/records": self._whole_records,
            "/rebuild": self._rebuild,
            "/rebuild/local": self._rebuild_local,
        }.items():
            application.router.add_get(path, handler)
        application.router.add_post("/rebuild", self._rebuild)
        return application

    @web.middleware
    async def _personal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Require the token for what is personal or changes something; if none is configured, nobody may."""
        if _view(request) not in _OPEN and not self._is_authorized(request):
            return _failure(request, 401, "Unauthorized")
        return await handler(request)

    def _is_authorized(self, request: web.Request) -> bool:
        if is_authorized(self._tokens, request.headers.get(TOKEN_HEADER)):
            return True
        asks = request.method == "GET"
        return asks and self._proofs.are_proven(
            request.path, request.query, request.headers.get(PROOF_HEADER)
        )

    async def _live(self, request: web.Request) -> web.Response:
        return html.answer(request, "Stats worker", {"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        ready = self._records.ready
        body = {
            "ready": ready,
            "complete": self._records.complete,
            "partitions": sorted(self._records.active()),
        }
        return html.answer(request, "Ready", body, 200 if ready else 503, None if ready else _RETRY_AFTER)

    async def _metrics(self, request: web.Request) -> web.Response:
        counting.READY.set(self._records.ready)
        counting.COMPLETE.set(self._records.complete)
        counting.PARTITIONS.set(len(self._records.active()))
        counting.RECORDS.set(self._records.count())
        return exposition()

    async def _stats(self, request: web.Request) -> web.Response:
        found = await self._figures.get(StatsQuery.from_query(request.query))
        return _answer(request, "Statistics", found)

    async def _stats_local(self, request: web.Request) -> web.Response:
        asked = StatsQuery.from_query(request.query)
        day = asked.day.isoformat() if asked.day else self._records.today()
        return _answer(request, "Statistics of this worker", self._cluster.local_sums(day, asked.campaign))

    async def _conversations(self, request: web.Request) -> web.Response:
        page = Page.from_query(request.query)
        found = await self._cluster.page(page)
        following = (
            None if found["next"] is None else "?" + urlencode(page.query() | {"after": found["next"]})
        )
        return _answer(request, "Conversations", found, following)

    async def _conversations_local(self, request: web.Request) -> web.Response:
        phone = request.query.get("phone")
        found = (
            self._cluster.local_record(phone)
            if phone
            else self._cluster.local_page(Page.from_query(request.query))
        )
        return web.json_response(found)

    async def _conversation(self, request: web.Request) -> web.Response:
        found = await self._cluster.find(conversation_key(request.match_info["phone"]))
        if found is None:
            return _failure(
                request,
                404,
                "Conversation not found",
                "No conversation with this number is in the statistics.",
            )
        return _answer(request, "Conversation", {"conversation": found})

    async def _whole_records(self, request: web.Request) -> web.Response:
        refuse_unknown(request.query, ("partition", "after", "limit"))
        partition = number_in(request.query, "partition", 0, 0, _LARGEST_PARTITION)
        after = number_in(request.query, "after", 0, 0)
        limit = number_in(request.query, "limit", _MOST_RECORDS, 1, _MOST_RECORDS)
        return web.json_response(await self._cluster.records(partition, after, limit))

    async def _rebuild(self, request: web.Request) -> web.Response:
        """Begin a rebuild (POST), or tell how far it is (GET). `?source=`: see `streams.stats.rebuild`."""
        refuse_unknown(request.query, ("source",))
        begin = source_of(request.query.get("source", TOPIC)) if request.method == "POST" else None
        workers = await self._cluster.rebuild(begin)
        return web.json_response({"success": True, "workers": workers}, status=202 if begin else 200)

    async def _rebuild_local(self, request: web.Request) -> web.Response:
        begin = request.query.get("begin")
        found = self._cluster.local_rebuild(begin and source_of(begin))
        return web.json_response({"partitions": sorted(self._records.active()), "rebuild": found})


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn the service's errors into answers."""
    try:
        return await handler(request)
    except InvalidInput as error:
        return _failure(request, 400, "Invalid request", str(error))
    except Unavailable as error:
        log.info("view is not available", view=_view(request), why=str(error))
        return _failure(request, 503, "Statistics are not available", str(error), _RETRY_AFTER)


def _view(request: web.Request) -> str:
    """Return the path's pattern: the path itself may hold a number."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def _answer(
    request: web.Request, title: str, found: Mapping[str, Any], following: str | None = None
) -> web.Response:
    """Answer in JSON, or with a page if a browser asks."""
    if not html.is_wanted(request):
        return web.json_response({"success": True, **found})
    shown = {name: value for name, value in found.items() if name not in ("partitions", "next")}
    only = next(iter(shown.values())) if len(shown) == 1 else shown
    return web.Response(text=html.page(title, only, following), content_type="text/html")


def _failure(
    request: web.Request,
    status: int,
    error: str,
    details: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    body = {"success": False, "error": error} | ({"details": details} if details else {})
    return html.answer(request, error, body, status, headers)
