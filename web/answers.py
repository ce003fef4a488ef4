"""Answers as the contract shapes them: JSON with `success`, errors with `error` and `details`."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from schemas.errors import InvalidInput, Unavailable

log = structlog.get_logger()
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


def failure(status: int, error: str, details: object = None) -> web.Response:
    """Give an error's JSON."""
    body = {"success": False, "error": error} | ({} if details is None else {"details": details})
    return web.json_response(body, status=status)


@web.middleware
async def errors_as_json(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn every error into the contract's JSON; nothing of the inside is shown."""
    try:
        return await handler(request)
    except InvalidInput as error:
        return failure(400, "Invalid request", f"{error.field}: {error.why}")
    except Unavailable as error:
        return failure(503, "Service unavailable, nothing was stored; send it again", str(error))
    except web.HTTPRequestEntityTooLarge as error:
        return failure(413, "Body too large", f"at most {request.app._client_max_size} bytes: {error.reason}")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = failure(error.status, error.reason, f"{request.method} {request.path}")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:  # noqa: BLE001 - the last line: logged, answered, never shown
        log.exception("request failed")
        return failure(500, "Internal error")
