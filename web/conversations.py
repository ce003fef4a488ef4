"""`GET /api/conversations/{phoneNumber}`."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

from aiohttp import web

from db.queries import Query
from db.readers.gateway import CONVERSATION, ConversationPage
from schemas.phone import conversation_key
from schemas.query import LARGEST_ID, LARGEST_POSITION, is_whole, iso_time, whole
from web.answers import failure

R = TypeVar("R")
_SHOWN = (
    "phone_number",
    "client_name",
    "status",
    "elevenlabs_conversation_id",
    "agent_id",
    "started_at",
    "last_message_at",
    "message_count",
)


class Rows(Protocol):
    """See `web.database.Database`."""

    async def row(self, query: Query[R], *arguments: object) -> R | None: ...
    async def rows(self, query: Query[R], *arguments: object) -> list[R]: ...


class Conversations:
    """Reads conversations."""

    def __init__(self, database: Rows) -> None:
        self._database = database

    async def get(self, request: web.Request) -> web.Response:
        """Answer with a conversation and its messages, oldest first.

        `?limit=` gives that many of the newest, `?before=` those before a message's id or an ISO time. If
        there are older ones, `next_before` is the `before` of the next page.
        """
        number = conversation_key(request.match_info["phone"])
        query = request.query
        limit = _limit(query["limit"]) if "limit" in query else None
        before_id, before_time = _before(query.get("before"))
        one_more = None if limit is None else limit + 1
        row = await self._database.row(CONVERSATION, number, before_id, before_time, one_more)
        if row is None:
            return failure(404, "Conversation not found", f"no conversation with {number}")
        return web.json_response({"success": True, "conversation": _conversation(row, limit)})


def _limit(text: str) -> int:
    # One more is read than is shown.
    return min(whole("limit", text, 1, LARGEST_POSITION), LARGEST_ID - 1)


def _before(text: str | None) -> tuple[int | None, datetime | None]:
    if text is None:
        return None, None
    if is_whole(text):
        return min(whole("before", text, 0, LARGEST_POSITION), LARGEST_ID), None
    at = iso_time("before", text, "must be a message's id or an ISO 8601 time")
    return None, at.replace(tzinfo=None)


def _conversation(found: ConversationPage, limit: int | None) -> dict[str, Any]:
    page = found.page if limit is None else found.page[-limit:]
    answer = {name: getattr(found, name) for name in _SHOWN}
    shown = ("direction", "content", "timestamp")
    answer["messages"] = [{name: message[name] for name in shown} for message in page]
    if len(page) < len(found.page):
        answer["next_before"] = page[0]["id"]
    return answer
