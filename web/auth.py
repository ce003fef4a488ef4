"""Who may call `/api`: holders of the service token. No token configured: nobody."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from clients.service_token import TOKEN_HEADER, is_authorized
from web.answers import Next, failure


def token_middleware(tokens: Sequence[str]) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that refuses everything under `/api` without a token, routes or not."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        if not request.path.startswith("/api") or is_authorized(tokens, request.headers.get(TOKEN_HEADER)):
            return await handler(request)
        return failure(401, "Unauthorized")

    return check
