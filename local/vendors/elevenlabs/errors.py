"""ElevenLabs' errors: `detail` is an object with a status, or FastAPI's list."""

from aiohttp import web

_DETAILS = {
    401: ("invalid_api_key", "Invalid API key"),
    403: ("missing_permissions", "The API key you used is missing the permission convai_read"),
    404: ("not_found", "Not found"),
    429: ("too_many_concurrent_requests", "Too many concurrent requests"),
    503: ("system_busy", "The system is busy"),
}


def error(status: int, name: str = "", message: str = "") -> web.Response:
    """Return an error response."""
    known = _DETAILS.get(status, ("internal_error", "Internal error"))
    detail = {"status": name or known[0], "message": message or known[1]}
    return web.json_response({"detail": detail}, status=status)


OUT_OF_CREDITS = "This request exceeds your quota. You have 0 credits remaining."


def error_of_status(status: int) -> web.Response:
    """Return the response for a status."""
    return no_route(status) if status == 405 else error(status)


def no_route(status: int = 404) -> web.Response:
    """Return the response to a path that the API does not have."""
    words = "Method Not Allowed" if status == 405 else "Not Found"
    return web.json_response({"detail": words}, status=status)


def not_valid(where: str, name: str, message: str) -> web.Response:
    """Return FastAPI's response to a malformed parameter. `where`: path or query."""
    return web.json_response(
        {"detail": [{"loc": [where, name], "msg": message, "type": "value_error"}]}, status=422
    )
