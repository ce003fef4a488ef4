"""What can happen to any vendor's HTTP response: refusals, broken, slow or huge bodies, cut connections."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from local.faults import Fault, Faults

# Longer than any client should wait.
_HANG_SECONDS = 60.0
# More than any client should read of a response that has a few kilobytes at most.
_HUGE_BYTES = 64 * 1024 * 1024
_CHUNK = b" " * 65_536

ErrorAnswer = Callable[[int], web.Response]
"""Builds the vendor's own body for a status."""


class Trouble:
    """Plays armed faults named `STAGE-KIND`.

    Kinds: a status (`429`, `503`, …), `hang`, `reset`, `redirect`, `html` (a proxy's page), `empty`,
    `bad-json`, `list-json` (JSON, but not an object), `slow-body`, `huge-body`.
    """

    def __init__(self, faults: Faults, error: ErrorAnswer) -> None:
        self._faults = faults
        self._error = error

    async def answer(self, request: web.Request, stage: str) -> web.StreamResponse | None:
        """Return the response of a fault that fires at a stage, or None if none does."""
        for kind in self._faults.of_stage(stage):
            if fault := self._faults.take(f"{stage}-{kind}"):
                return await self._play(request, kind, fault)
        return None

    async def _play(self, request: web.Request, kind: str, fault: Fault) -> web.StreamResponse:
        if kind.isdigit():
            return self.refusal(int(kind), fault)
        match kind:
            case "reset" if request.transport is not None:
                request.transport.abort()
            case "hang":
                await asyncio.sleep(fault.seconds or _HANG_SECONDS)
            case "slow-body":
                return await _slow(request, fault.seconds or _HANG_SECONDS)
            case "huge-body":
                return await _huge(request, fault.size or _HUGE_BYTES)
            case "redirect":
                return web.Response(status=307, headers={"Location": str(request.rel_url)})
        return _BODIES.get(kind, self._error)(500)

    def refusal(self, status: int, fault: Fault) -> web.Response:
        """Return the vendor's refusal, with `Retry-After` if the fault has one."""
        answer = self._error(status)
        if fault.retry_after is not None:
            answer.headers["Retry-After"] = str(fault.retry_after)
        return answer


_BODIES: dict[str, ErrorAnswer] = {
    "html": lambda _: web.Response(
        status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html"
    ),
    "empty": lambda _: web.Response(status=200),
    "bad-json": lambda _: web.Response(status=200, text='{"sid": "SM', content_type="application/json"),
    "list-json": lambda _: web.Response(status=200, text='["no", "object"]', content_type="application/json"),
}


async def _slow(request: web.Request, seconds: float) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"{")
    await asyncio.sleep(seconds)
    return answer


async def _huge(request: web.Request, size: int) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(size)})
    await answer.prepare(request)
    for _ in range(size // len(_CHUNK)):
        await answer.write(_CHUNK)
    await answer.write(b" " * (size % len(_CHUNK)))
    return answer
