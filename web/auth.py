"""Who may call `/api`: holders of the service token. No token configured: nobody."""

import hmac
from typing import Any

from aiohttp import web

from web.answers import Next, failure

TOKEN_HEADER = "X-Service-Token"


def token_middleware(token: str | None) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that refuses everything under `/api` without the token, routes or not."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        if not request.path.startswith("/api") or is_authorized(token, request.headers.get(TOKEN_HEADER)):
            return await handler(request)
        return failure(401, "Unauthorized")

    return check


def is_authorized(token: str | None, given: str | None) -> bool:
    """Compare in constant time; an empty token authorizes nobody."""
    if not token or not given:
        return False
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape"))
