"""NUL in an address: nothing is called so, and Postgres can neither store it nor look for it."""

from typing import Any

from aiohttp import web

from schemas.errors import InvalidInput
from web.answers import Next

_NUL = "%00"  # a bare one is no HTTP


def refuse_nul(*elsewhere: str) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that raises `InvalidInput` for one; not for paths that begin with `elsewhere`."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        is_known = request.match_info.http_exception is None
        if _NUL in request.raw_path and is_known and not request.path.startswith(elsewhere):
            raise InvalidInput(_named(request), "has a NUL character (%00)")
        return await handler(request)

    return check


def _named(request: web.Request) -> str:
    named = next((name for name, value in request.query.items() if "\x00" in value), "path")
    return named.replace("\x00", "") or "path"
