"""Who asked for no more messages, since when, and what caused it."""

from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from db.readers.ops import SUPPRESSED
from schemas.query import iso_time
from web.database import Database
from web.ops.pages import Page, page

_PAGE = Page("suppressed.html", "Suppressed numbers", "suppressed")
_ROWS = 100


class Suppressed:
    """Shows the list, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request: web.Request) -> web.Response:
        """Show a page of the list; `?before=` and `?number=` say after which row it begins."""
        rows = await self._database.rows(SUPPRESSED, *_position(request), _ROWS + 1)
        shown, older = rows[:_ROWS], None
        if len(rows) > _ROWS:
            last = shown[-1]
            older = "?" + urlencode({"before": last.since.isoformat(), "number": last.phone_number})
        return page(request, _PAGE, {"rows": shown, "older": older})


def _position(request: web.Request) -> tuple[datetime | None, str]:
    if "before" not in request.query:
        return None, ""
    return iso_time("before", request.query["before"]).replace(tzinfo=None), request.query.get("number", "")
