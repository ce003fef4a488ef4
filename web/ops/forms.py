"""What operators' forms send: checked against forgery before anything is done."""

import hmac

from aiohttp import web
from aiohttp_session import get_session
from multidict import MultiDict

from schemas.documents import without_nul
from web.bodies import LARGEST_BODY, read_form
from web.ops.session import CSRF

FIELD = "csrf"


class Forged(Exception):
    """The form does not come from a page of this session: an old page, or another site."""


async def form_of(request: web.Request, most: int = LARGEST_BODY) -> MultiDict[str]:
    """Return a form's fields, of at most so many bytes, without NUL characters: no column can hold them.

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
    if not isinstance(expected, str) or not hmac.compare_digest(expected.encode(), form.get(FIELD, "").encode()):
        raise Forged
    return form
