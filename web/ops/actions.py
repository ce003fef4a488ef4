"""What operators do with a conversation: commands in the number's own order, each once, with an outcome."""

import uuid
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from aiohttp import web
from aiohttp_session import get_session

from schemas.commands import ConversationCommand
from schemas.errors import InvalidInput, InvalidNumber
from schemas.phone import conversation_key
from schemas.query import LARGEST_POSITION, whole
from web.answers import REQUEST_ID
from web.commands import answer, command_of
from web.ops.guard import checked_form
from web.ops.pages import OPERATOR_KEY, see_other
from web.ops.session import tell
from web.outcomes import CommandOutcome

_POSSIBLE = {
    "active": ("write", "escalate", "change_agent", "close"),
    "escalated": ("write", "resume", "change_agent", "close"),
    "closed": ("resume",),
}
"""By the conversation's status; any of them can be exported and erased."""
_SAID = {
    "close": "The conversation is closed.",
    "escalate": "You have taken over; the agent is silent.",
    "resume": "The agent answers again.",
    "write": "Your message was sent.",
    "change_agent": "Another agent answers from now on.",
    "erase": "The number is erased. Its opt-out is kept, if there is one.",
}
_UNCHANGED = "It was so already; nothing was done."
_QUEUED = "It is kept and will be done as soon as its turn comes; the page shows it then."
_OVERTAKEN = (
    "%(who)s did something here meanwhile, so nothing was done. "
    "Look at it, then do it again if it still fits."
)
_FIELDS = ("command", "command_id", "text", "content_sid", "agent_id", "reason")


class Submitting(Protocol):
    """See `web.commands.Commands`."""

    async def submit(self, command: ConversationCommand, request_id: str) -> CommandOutcome | None: ...


def possible(status: str) -> Sequence[str]:
    """Return what can be done with a conversation of this status."""
    return _POSSIBLE.get(status, ())


def new_command_id() -> str:
    """Return an id for a form's command: sent twice, it is done once."""
    return f"ops-{uuid.uuid4()}"


class Actions:
    """Does what the forms of a conversation say."""

    def __init__(self, commands: Submitting) -> None:
        self._commands = commands

    async def post(self, request: web.Request) -> web.Response:
        """Submit a command in the operator's name and go back to the conversation, which says the outcome."""
        form = await checked_form(request)
        phone, session = request.match_info["phone"], await get_session(request)
        given: dict[str, object] = {
            name: form[name].strip() for name in _FIELDS if form.get(name, "").strip()
        }
        try:
            given["seen"] = whole("seen", form["seen"], most=LARGEST_POSITION) if form.get("seen") else None
            command = command_of(phone, given | {"by": request[OPERATOR_KEY]}, request[REQUEST_ID])
            if command.command == "erase" and not _is_meant(form.get("confirm", ""), command.key):
                tell(session, "Nothing was erased: write the number itself to confirm.", problem=True)
                return _back(phone)
            outcome = await self._commands.submit(command, request[REQUEST_ID])
        except InvalidInput as error:
            tell(session, f"{error.field}: {error.why}", problem=True)
            return _back(phone)
        status, body = answer(command, outcome)
        if outcome is not None and outcome.error and outcome.error.get("operator"):
            tell(session, _OVERTAKEN, problem=True, who=str(outcome.error["operator"]))
        elif not body["success"]:
            tell(session, str(body["error"]), problem=True, more=str(body.get("details") or ""))
        elif status == web.HTTPAccepted.status_code:
            tell(session, _QUEUED, done=command.command)
        else:
            tell(session, _SAID[command.command] if body["changed"] else _UNCHANGED, done=command.command)
        erased = command.command == "erase" and status == web.HTTPOk.status_code
        return see_other("/ops/conversations") if erased else _back(phone)


def _is_meant(typed: str, key: str) -> bool:
    """Return whether the operator typed the number that is to be erased, in any spelling."""
    try:
        return conversation_key(typed) == key
    except InvalidNumber:
        return False


def _back(phone: str) -> web.Response:
    return see_other(f"/ops/conversations/{quote(phone, safe='')}")
