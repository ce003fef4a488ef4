"""What every request passes through: an id, a span, the token of `/api`, no NUL in its address."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from aiohttp import web
from opentelemetry.trace import SpanKind

from clients.service_token import TOKEN_HEADER, is_authorized
from process.tracing import span
from schemas.errors import InvalidInput
from schemas.topics import TRACE_HEADER
from web.answers import REQUEST_ID, Next, failure

_HEADER = "X-Request-Id"
_SANE = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


@web.middleware
async def with_request_id(request: web.Request, handler: Next) -> web.StreamResponse:
    """Take the caller's id if it is sane, else make one; it is logged, published and returned."""
    given = request.headers.get(_HEADER, "")
    identity = given if _SANE.match(given) else uuid.uuid4().hex
    request[REQUEST_ID] = identity
    with structlog.contextvars.bound_contextvars(request_id=identity):
        response = await handler(request)
    response.headers[_HEADER] = identity
    return response


# Health, metrics and the operators' pages are requested all the time and begin nothing.
_TRACED = ("/api/", "/webhook/")


@web.middleware
async def traced(request: web.Request, handler: Next) -> web.StreamResponse:
    """Open a span named after the route's pattern: the path itself may hold a phone number."""
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


def token_middleware(tokens: Sequence[str]) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that refuses everything under `/api` without a token, be it a route or not."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        if not request.path.startswith("/api") or is_authorized(tokens, request.headers.get(TOKEN_HEADER)):
            return await handler(request)
        return failure(401, "Unauthorized")

    return check


_NUL = "%00"  # a bare one is not HTTP


def refuse_nul(*elsewhere: str) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that raises `InvalidInput` for one, except in paths beginning with `elsewhere`."""

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
