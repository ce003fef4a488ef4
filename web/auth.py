"""Who may call `/api`: holders of the service token. No token configured: nobody."""

import hmac
from typing import Any

from aiohttp import web

from web.answers import Next, failure

_HEADER = "X-Service-Token"


def token_middleware(token: str | None) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that refuses `/api` without the token."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        if not request.path.startswith("/api") or is_authorized(token, request.headers.get(_HEADER)):
            return await handler(request)
        return failure(401, "Unauthorized")

    return check


def is_authorized(token: str | None, given: str | None) -> bool:
    """Compare in constant time; an empty token authorizes nobody."""
    return bool(token) and hmac.compare_digest((token or "").encode(), (given or "").encode("utf-8", "replace"))
