"""Answers as the contract shapes them: JSON with `success`, errors with `error` and `details`."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from schemas.errors import InvalidInput, Unavailable

log = structlog.get_logger()
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

# For these the exception's text says what is allowed.
_SAY_WHY = frozenset({408, 413, 415, 503})
_KEPT_HEADERS = ("Allow", "Accept-Encoding", "Retry-After")

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


def failure(status: int, error: str, details: object = None) -> web.Response:
    """Return an error's JSON."""
    body = {"success": False, "error": error} | ({} if details is None else {"details": details})
    return web.json_response(body, status=status)


@web.middleware
async def errors_as_json(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn every error into the contract's JSON, without showing anything internal.

    A body that was not read is drained by aiohttp after the answer, so the connection survives.
    """
    try:
        return await handler(request)
    except InvalidInput as error:
        return failure(400, "Invalid request", f"{error.field}: {error.why}")
    except web.RequestPayloadError:
        return failure(400, "Invalid request", "body: cannot be decoded as its headers say")
    except Unavailable as error:
        return failure(503, "Service unavailable", f"{error}; nothing is known to be stored, send it again")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _of_http(request, error)
    except Exception as error:  # noqa: BLE001 - the last resort: logged, answered, never shown
        if isinstance(error, ConnectionError) and request.transport is None:
            return failure(400, "Connection lost")  # before the whole body arrived; nobody hears it
        log.exception("request failed")
        return failure(500, "Internal error")


async def not_stored(request: web.Request, response: web.StreamResponse) -> None:
    """Forbid proxies on the way to keep what `/api` answers: it is for its caller alone."""
    if request.path.startswith("/api"):
        response.headers.setdefault("Cache-Control", "no-store")


def _of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    reason = error.text or "" if error.status in _SAY_WHY else ""
    answer = failure(error.status, error.reason, reason or f"{request.method} {request.path}")
    for name in _KEPT_HEADERS:
        if name in error.headers:
            answer.headers[name] = error.headers[name]
    return answer
