"""`GET /api/conversations/{phoneNumber}`."""

from datetime import datetime
from typing import Any

import asyncpg
from aiohttp import web

from db.pool import Pool
from db.queries import load
from schemas.errors import InvalidInput
from schemas.phone import conversation_key
from web.answers import failure

_sql = load("gateway")
_LARGEST_INT = 2**31 - 1
"""Message ids are SERIAL."""


class Conversations:
    """Reads conversations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, request: web.Request) -> web.Response:
        """Answer with a conversation and its messages, oldest first; `?limit=` newest, `?before=` a message's id."""
        number = conversation_key(request.match_info["phone"])
        limit, before = _whole(request, "limit"), _whole(request, "before")
        row = await self._pool.fetchrow(_sql.conversation, number)
        if row is None:
            return failure(404, "Conversation not found", f"no conversation with {number}")
        messages = await self._pool.fetch(_sql.messages, row["id"], before, limit)
        body = _conversation(row, messages)
        if limit is not None and len(messages) == limit:
            body["next_before"] = messages[0]["id"]
        return web.json_response({"success": True, "conversation": body})


def _whole(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:11]) <= _LARGEST_INT:
        raise InvalidInput(name, "must be a whole number above 0")
    return int(text)


def _conversation(row: asyncpg.Record, messages: list[asyncpg.Record]) -> dict[str, Any]:
    return {
        "phone_number": row["phone_number"],
        "client_name": row["client_name"],
        "status": row["status"],
        "elevenlabs_conversation_id": row["elevenlabs_conversation_id"],
        "agent_id": row["agent_id"],
        "started_at": _time(row["started_at"]),
        "last_message_at": _time(row["last_message_at"]),
        "message_count": row["messages"],
        "messages": [
            {"direction": message["direction"], "content": message["content"], "timestamp": _time(message["sent_at"])}
            for message in messages
        ],
    }


def _time(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
