"""The list of conversations: search, filters, newest activity first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from db.readers.ops import CONVERSATIONS, ListedConversation
from schemas.phone import conversation_key, is_user_id
from schemas.query import iso_time, whole
from web.database import Database
from web.ops.pages import Page, page

_PAGE = Page("conversations.html", "Conversations", "conversations")
# Fits on two screens; for more there is the search.
_ROWS = 50
# The longest form of an id; words of a name need less.
_LONGEST_TEXT = 150
STATUSES = ("active", "escalated", "closed")
SHOWN = ("all", "waiting", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is searched for."""

    #: A number's digits, an id, or words of a name or campaign.
    text: str = ""
    status: str = ""
    shown: str = "all"
    #: The page's position.
    before: tuple[datetime, int] | None = None

    @property
    def address(self) -> str | None:
        """The digits of a number, or the key of an id."""
        digits = re.sub(r"[\s()+.-]", "", self.text)
        if digits.isdecimal():
            return digits
        return conversation_key(self.text) if is_user_id(self.text) else None

    @property
    def words(self) -> str | None:
        return self.text if self.text and self.address is None else None

    def arguments(self) -> tuple[Any, ...]:
        """Return the query's arguments."""
        time, number = self.before or (None, None)
        escaped = re.sub(r"([\\%_])", r"\\\1", self.words) if self.words else None
        loose = re.sub(r"[^\x00-\x7f]", "_", escaped) if escaped else None
        filters = (self.shown == "waiting", self.shown == "failed")
        return (self.status or None, self.address, escaped, *filters, time, number, _ROWS + 1, loose)

    def link(self, before: tuple[datetime, int] | None = None) -> str:
        """Return the address of this search's page after a position."""
        fields = {"q": self.text, "status": self.status, "shown": self.shown if self.shown != "all" else ""}
        if before:
            fields["before"] = f"{before[0].isoformat()}_{before[1]}"
        return "/ops/conversations?" + urlencode({name: value for name, value in fields.items() if value})


def search_of(query: Mapping[str, str]) -> Search:
    """Read a search. An unknown status is left out, because people edit addresses.

    Raises:
        InvalidInput: the position is malformed.
    """
    status, shown = query.get("status", ""), query.get("shown", "")
    return Search(
        text=query.get("q", "").strip()[:_LONGEST_TEXT],
        status=status if status in STATUSES else "",
        shown=shown if shown in SHOWN else "all",
        before=_position(query.get("before", "")),
    )


def _position(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    time, _, number = text.partition("_")
    return iso_time("before", time).replace(tzinfo=None), whole("before", number)


class Conversations:
    """Shows the list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request: web.Request) -> web.Response:
        """Show a page of it."""
        search = search_of(request.query)
        rows = await self._database.rows(CONVERSATIONS, *search.arguments())
        shown, more = rows[:_ROWS], len(rows) > _ROWS
        context = {"search": search, "rows": shown, "statuses": STATUSES, "shown": SHOWN}
        context["older"] = search.link(_behind(shown[-1])) if more else None
        return page(request, _PAGE, context)


def _behind(row: ListedConversation) -> tuple[datetime, int]:
    return row.last_message_at, row.id
