"""Renders a page: the frame's own values, the language, the forms' token."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from web.ops.language import language_of, translations

LIVE_HEADER = "X-Live"
"""Sent by an open page that fetches itself again: it is given its content without the frame around it."""
SHARED_KEY: web.RequestKey[bool] = web.RequestKey("shared", bool)
"""The rendering goes to other operators as well."""
OPERATOR_KEY: web.RequestKey[str | None] = web.RequestKey("operator", str)
TOLD_KEY: web.RequestKey[dict[str, Any] | None] = web.RequestKey("told", dict)
"""What the action before this page came to; see `web.ops.session.tell`."""
STILL_KEY: web.RequestKey[Callable[[], Awaitable[str | None]]] = web.RequestKey("still signed in")
"""Asks again whose session it is, for what lasts longer than a page; None once it has ended."""
CSRF_KEY: web.RequestKey[str] = web.RequestKey("csrf", str)
# Printable ASCII: what goes into a header is escaped already, or was not made here.
_INSIDE = re.compile(r"/ops(?:[/?][!-~]*)?")


@dataclass(frozen=True, slots=True)
class Page:
    """`template`: its file; `title`: in English; `section`: the menu entry that it belongs to."""

    template: str
    title: str
    section: str = ""


def page(request: web.Request, which: Page, context: dict[str, Any], status: int = 200) -> web.Response:
    """Render a page in the reader's language."""
    language = language_of(request)
    texts = translations(language)
    frame = {
        "_": texts.gettext,
        "ngettext": texts.ngettext,
        "language": language,
        "title": texts.gettext(which.title),
        "section": which.section,
        "here": request.path_qs,
        "operator": request.get(OPERATOR_KEY),
        "csrf": "" if request.get(SHARED_KEY) else request.get(CSRF_KEY, ""),
        "told": request.get(TOLD_KEY),
        "framed": LIVE_HEADER not in request.headers,
    }
    return aiohttp_jinja2.render_template(which.template, request, frame | context, status=status)


def inside(path: str) -> str:
    """Return a page of ours to go on with, whatever a form says: the first page if it names none of ours."""
    return path if _INSIDE.fullmatch(path) else "/ops"


def see_other(path: str) -> web.Response:
    """Send the browser on after a form, so that a reload does nothing twice."""
    return web.Response(status=303, headers={"Location": path})
