"""A request id that follows an event from the request through Kafka to the send."""

import re
import uuid

import structlog
from aiohttp import web

from web.answers import REQUEST_ID, Next

_HEADER = "X-Request-Id"
_SANE = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


@web.middleware
async def with_request_id(request: web.Request, handler: Next) -> web.StreamResponse:
    """Take the caller's id if it is sane, else make one; it is logged, published and given back."""
    given = request.headers.get(_HEADER, "")
    identity = given if _SANE.match(given) else uuid.uuid4().hex
    request[REQUEST_ID] = identity
    with structlog.contextvars.bound_contextvars(request_id=identity):
        response = await handler(request)
    response.headers[_HEADER] = identity
    return response
