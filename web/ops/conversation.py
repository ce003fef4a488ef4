"""One conversation: its messages as bubbles with ticks, the call, and each turn's journal."""

import json
from typing import Any
from urllib.parse import quote

from aiohttp import web

from db.queries import load
from db.readers.ops import HEAD, MESSAGES, STATUS_CHANGES, TURNS
from db.readers.persons import kept_of
from schemas.documents import now
from schemas.phone import conversation_key
from schemas.query import whole
from schemas.window import is_open
from web.database import Database
from web.ops.actions import new_command_id, possible
from web.ops.files import files_of
from web.ops.filters import parsed
from web.ops.pages import OPERATOR_KEY, Page, page, see_other
from web.ops.presence import Presence

_sql = load("ops")
_PAGE = Page("conversation.html", "Conversation", "conversations")
# What fits on a few screens; older ones are a link away.
_MESSAGES = 100
_TURNS = 20
_ACTIONS = 10
# All that is kept of one number, its log included: many small queries.
_EXPORT_SECONDS = 5.0


class Conversation:
    """Shows one conversation."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence

    async def open(self, request: web.Request) -> web.Response:
        """Redirect to a conversation that was shown without its number."""
        number = await self._database.value(_sql.number_of, int(request.match_info["id"]))
        if number is None:
            raise web.HTTPNotFound(text="There is no such conversation any more.")
        return see_other(f"/ops/conversations/{quote(number, safe='')}")

    async def get(self, request: web.Request) -> web.Response:
        """Show the newest messages, or those before `?before=` (a message's id)."""
        number = conversation_key(request.match_info["phone"])
        head = await self._database.row(HEAD, number)
        if head is None:
            raise web.HTTPNotFound(text="There is no conversation with this number. Look for it in the list.")
        before = whole("before", request.query["before"]) if "before" in request.query else None
        messages = await self._database.rows(MESSAGES, head.id, before, _MESSAGES + 1)
        turns = await self._database.rows(TURNS, head.id, _TURNS)
        actions = await self._database.rows(STATUS_CHANGES, head.id, _ACTIONS)
        context: dict[str, Any] = {
            "head": head,
            "messages": messages[:_MESSAGES][::-1],
            "older": messages[_MESSAGES - 1].id if len(messages) > _MESSAGES else None,
            "turns": turns,
            "done": actions,
            "taken_over": next((each for each in actions if each.type == "escalated"), None),
            "others": await self._presence.others(head.phone_number, request[OPERATOR_KEY] or ""),
            "me": request[OPERATOR_KEY],
            "files_of": files_of,
            "window_is_open": is_open(parsed(head.last_inbound_at), now()),
            "actions": possible(head.status or ""),
            "new_command_id": new_command_id,
        }
        return page(request, _PAGE, context)

    async def export(self, request: web.Request) -> web.Response:
        """Return everything that is kept of a number, as a file."""
        number = conversation_key(request.match_info["phone"])
        kept = await self._database.bounded(kept_of(self._database.pool, number), _EXPORT_SECONDS)
        headers = {"Content-Disposition": 'attachment; filename="export.json"'}
        text = json.dumps(kept, ensure_ascii=False, indent=2)
        return web.Response(text=text, content_type="application/json", headers=headers)
