"""What operators' forms send: checked against forgery before anything is done."""

import hmac

from aiohttp import web
from aiohttp_session import get_session

from schemas.documents import without_nul
from web.ops.session import CSRF

_FORM = "application/x-www-form-urlencoded"
FIELD = "csrf"


class Forged(Exception):
    """The form does not come from a page of this session: an old page, or another site."""


async def form_of(request: web.Request) -> dict[str, str]:
    """Give a form's fields; the last of a repeated one counts. Anything but a form has none."""
    if request.content_type != _FORM:
        return {}
    return {str(name): without_nul(str(value)) for name, value in (await request.post()).items()}


async def checked_form(request: web.Request) -> dict[str, str]:
    """Give the fields of a form of ours.

    Raises:
        Forged: its token is not the session's.
    """
    form = await form_of(request)
    expected = (await get_session(request)).get(CSRF)
    if not isinstance(expected, str) or not hmac.compare_digest(expected.encode(), form.get(FIELD, "").encode()):
        raise Forged
    return form


async def many(request: web.Request, name: str) -> list[str]:
    """Give all values of a repeated field (ticked boxes)."""
    return [without_nul(str(value)) for value in (await request.post()).getall(name, [])]
