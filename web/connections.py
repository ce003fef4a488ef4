"""Connections that strangers open: the time for a request's head is bounded, and so is their number.

aiohttp itself bounds how long a connection stays idle, but not how many there are or how slowly a head comes.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from aiohttp import web

from web.answers import failure

log = structlog.get_logger()
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_EXPECTED = "100-continue"

# What was sent on a connection before its end was known there arrives within this, even across an ocean.
_LINGER_SECONDS, _LOOK_SECONDS = 1.0, 0.05

# File descriptors left for Postgres, Kafka, vendors, files and what is being closed.
_OTHER_FILES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`most`: connections at once; `head_seconds`: for a request's head; `idle_seconds`: between requests."""

    most: int
    # A head is some kB and comes in one piece; on the worst mobile network it takes seconds.
    head_seconds: float = 10.0
    # Longer than the proxies in front reuse a connection (nginx: 60 s), so that it is they who close it.
    idle_seconds: float = 75.0


class Connection(web.RequestHandler):
    """One connection; it is closed if a request's head does not come in time."""

    __slots__ = ("_head_seconds", "_head_timer")

    def __init__(
        self,
        server: "BoundedServer",
        loop: asyncio.AbstractEventLoop,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(server, loop=loop, **options)
        self._head_seconds = server.limits.head_seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._end_timer()
        elif self.is_idle and self._head_timer is None:
            self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end_timer()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request has come, or its head is incomplete."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def idle_until(self) -> float:
        """When it is closed if nothing comes. The earliest of all has been idle for longest."""
        return self._next_keepalive_close_time

    def _expect_head(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(self._head_seconds, self.force_close)

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class BoundedServer(web.Server):
    """Bounds the number of connections: the one that has been idle for longest gives way to a new one."""

    limits: Limits

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self.limits.most:
            self._make_room(handler)

    def _make_room(self, newest: web.RequestHandler) -> None:
        others = (each for each in self._connections if each is not newest)
        idle = [each for each in others if isinstance(each, Connection) and each.is_idle]
        log.warning("too many connections, one is closed", most=self.limits.most, idle=len(idle))
        (min(idle, key=lambda each: each.idle_until) if idle else newest).force_close()


class BoundedRunner(web.AppRunner):
    """Serves an application over bounded connections."""

    def __init__(self, app: web.Application, limits: Limits, drain_seconds: float) -> None:
        super().__init__(
            app, access_log=None, shutdown_timeout=drain_seconds, keepalive_timeout=limits.idle_seconds
        )
        self._limits = replace(limits, most=min(limits.most, _files_left()))
        self._is_leaving = False
        app.on_response_prepare.append(self._say_whether_it_stays)

    async def cleanup(self) -> None:
        """Stop listening. An open connection may be used once more, with an answer that says that it ends.

        Closed at once, it could cross a request that is on its way, and that its sender may not repeat.
        """
        self._is_leaving = True
        for site in self.sites:
            await site.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while self.server is not None and any(_is_idle(each) for each in self.server.connections):
                    await asyncio.sleep(_LOOK_SECONDS)
        await super().cleanup()

    async def _say_whether_it_stays(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._is_leaving:
            response.force_close()
            response.headers["Connection"] = "close"  # its headers have been made already

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        handler = _with_known_expectation(plain.request_handler)
        server = BoundedServer(handler, request_factory=plain.request_factory, **plain._kwargs)
        server.limits = self._limits
        return server


def _is_idle(connection: web.RequestHandler) -> bool:
    return isinstance(connection, Connection) and connection.is_idle


def _with_known_expectation(handle: Handler) -> Handler:
    """Refuse an unknown `Expect`: aiohttp would quote it, and fails if it is not UTF-8."""

    async def checked(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", _EXPECTED).lower() != _EXPECTED:
            return failure(417, "Expectation failed", f"Expect must be {_EXPECTED}")
        return await handle(request)

    return checked


def _files_left() -> int:
    """Return how many connections this process may have open beside everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - _OTHER_FILES, _OTHER_FILES) if soft != resource.RLIM_INFINITY else 2**31
