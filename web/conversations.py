"""`GET /api/conversations/{phoneNumber}`."""

from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
from aiohttp import web

from db.queries import load
from schemas.errors import InvalidInput
from schemas.phone import conversation_key
from web.answers import failure

_sql = load("gateway")
_LARGEST_INT = 2**31 - 1
"""Message ids are SERIAL."""
_MOST_DIGITS = 10


class Rows(Protocol):
    """See `web.database.Database`."""

    async def row(self, sql: str, *arguments: object) -> asyncpg.Record | None: ...
    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]: ...


class Conversations:
    """Reads conversations."""

    def __init__(self, database: Rows) -> None:
        self._database = database

    async def get(self, request: web.Request) -> web.Response:
        """Answer with a conversation and its messages, oldest first.

        `?limit=` gives the newest so many, `?before=` those before a message's id or an ISO time. `next_before` is
        there when older ones exist: the `before` of the next page.
        """
        number = conversation_key(request.match_info["phone"])
        limit = _limit(request.query.get("limit"))
        before_id, before_time = _before(request.query.get("before"))
        one_more = None if limit is None else limit + 1
        row = await self._database.row(_sql.conversation, number, before_id, before_time, one_more)
        if row is None:
            return failure(404, "Conversation not found", f"no conversation with {number}")
        return web.json_response({"success": True, "conversation": _conversation(row, limit)})


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    number = _whole(text)
    if number is None or number == 0:
        raise InvalidInput("limit", "must be a whole number above 0")
    return number


def _before(text: str | None) -> tuple[int | None, datetime | None]:
    if text is None:
        return None, None
    number = _whole(text)
    return (number, None) if number is not None else (None, _time(text))


def _whole(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    return min(int(text), _LARGEST_INT)


def _time(text: str) -> datetime:
    """Read an ISO time, without zone as UTC; an unescaped `+` of its zone came as a space."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (at.astimezone(UTC) if at.tzinfo else at).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("before", "must be a message's id or an ISO 8601 time") from error


def _conversation(row: asyncpg.Record, limit: int | None) -> dict[str, Any]:
    page = row["page"] if limit is None else row["page"][-limit:]
    answer = {name: row[name] for name in (
        "phone_number", "client_name", "status", "elevenlabs_conversation_id", "agent_id", "started_at",
        "last_message_at", "message_count",
    )}  # fmt: skip
    shown = ("direction", "content", "timestamp")
    answer["messages"] = [{name: message[name] for name in shown} for message in page]
    if len(page) < len(row["page"]):
        answer["next_before"] = page[0]["id"]
    return answer
