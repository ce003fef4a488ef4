"""What surrounds every page: security headers, a signed-in operator, errors as sentences."""

import hmac
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from aiohttp import web
from aiohttp_session import get_session
from multidict import MultiDict

from schemas.documents import without_nul
from schemas.errors import InvalidInput, Unavailable
from web.answers import Next
from web.bodies import LARGEST_BODY, read_form
from web.ops.pages import CSRF_KEY, OPERATOR_KEY, STILL_KEY, TOLD_KEY, Page, page, see_other
from web.ops.session import CSRF, Sessions, take_told

log = structlog.get_logger()

# Everything comes from our own host; a script that a client writes into a message could not even be loaded.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_OPEN: Final = ("/ops/sign-in", "/ops/static/", "/ops/language")
_PROBLEM = Page("problem.html", "That did not work")
_AWAY = (
    "The database does not answer. Nothing is lost, and what you wrote is kept in this window; "
    "try again in a moment."
)
_REFUSED: Final = {
    408: "It took too long until all of it was here. Try again.",
    413: "What was sent is too large for this page.",
    415: "This page takes forms in UTF-8 only. Open it again and repeat what you wanted to do.",
}
_UNFORESEEN = "Something went wrong here. It is in the log; try again."
FIELD = "csrf"


class Forged(Exception):
    """The form does not come from a page of this session: an old page, or another site."""


async def form_of(request: web.Request, most: int = LARGEST_BODY) -> MultiDict[str]:
    """Return the fields of a form of at most `most` bytes, without NUL characters: no column can hold them.

    Raises:
        HTTPException, InvalidInput: see `web.bodies.read_form`.
    """
    form = await read_form(request, most)
    return MultiDict((without_nul(name), without_nul(value)) for name, value in form.items())


async def checked_form(request: web.Request) -> MultiDict[str]:
    """Return the fields of a form of ours.

    Raises:
        Forged: its token is not the session's.
    """
    form = await form_of(request)
    expected = (await get_session(request)).get(CSRF)
    if not isinstance(expected, str) or not hmac.compare_digest(
        expected.encode(), form.get(FIELD, "").encode()
    ):
        raise Forged
    return form


@web.middleware
async def with_headers(request: web.Request, handler: Next) -> web.StreamResponse:
    """Add the security headers; browsers may keep static files."""
    response = await handler(request)
    if not response.prepared:
        is_file = request.path.startswith("/ops/static/")
        for name, value in _HEADERS.items():
            if not (is_file and name == "Cache-Control"):
                response.headers.setdefault(name, value)
    return response


@web.middleware
async def errors_as_pages(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn errors into a page that says what to do."""
    try:
        return await handler(request)
    except Forged:
        return _problem(
            request, "This page was too old. Open it again and repeat what you wanted to do.", 403
        )
    except InvalidInput as error:
        return _problem(request, error.why, 400)
    except Unavailable:
        return _problem(request, _AWAY, 503)
    except web.HTTPNotFound as error:
        return _problem(request, error.text or "", 404)
    except web.HTTPException as error:
        if error.status not in _REFUSED:
            raise
        return _problem(request, _REFUSED[error.status], error.status)
    except Exception:  # noqa: BLE001 - the last resort: logged, said, never shown
        log.exception("page failed")
        return _problem(request, _UNFORESEEN, 500)


def operators_only(sessions: Sessions) -> Any:  # noqa: ANN401 - aiohttp types no middleware
    """Make the middleware that sends whoever is not signed in, or whose session has ended, to the sign-in."""

    @web.middleware
    async def check(request: web.Request, handler: Next) -> web.StreamResponse:
        if request.path.startswith(_OPEN):
            return await handler(request)
        session = await get_session(request)
        name = await sessions.operator(session)
        if name is None:
            return see_other(_sign_in(request))
        request[OPERATOR_KEY] = name
        request[CSRF_KEY] = str(session.get(CSRF, ""))
        request[STILL_KEY] = lambda: sessions.operator(session)
        # Said once, by the page the browser was sent to: not by a picture, a stream or one that catches up.
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            request[TOLD_KEY] = take_told(session)
        return await handler(request)

    return check


def _sign_in(request: web.Request) -> str:
    """Return the sign-in's address; it leads back to the page, or to the one whose form this was."""
    page_path = request.path_qs if request.method == "GET" else request.path.removesuffix("/commands")
    is_page = "text/html" in request.headers.get("Accept", "")
    return "/ops/sign-in" + (
        f"?{urlencode({'back': page_path})}" if is_page and page_path.strip("/") != "ops" else ""
    )


def _problem(request: web.Request, text: str, status: int) -> web.Response:
    return page(request, _PROBLEM, {"problem": text}, status)
