"""`POST /api/conversations/{phoneNumber}/commands`: what operators tell a conversation to do.

A template is compared with what Twilio knows of it: what does not fit is said at once, not by a report.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol, get_args

import structlog
from aiohttp import web

from clients.twilio.content import ContentTemplate
from schemas.commands import ConversationCommand, OperatorCommand
from schemas.documents import now
from schemas.errors import InvalidInput, Unavailable, VendorError
from schemas.phone import conversation_key
from schemas.topics import CONVERSATION_COMMAND
from web.answers import REQUEST_ID
from web.bodies import check_json, read_object
from web.outcomes import CommandOutcome
from web.publisher import Publishing

log = structlog.get_logger()

OPERATOR_COMMANDS: Final[tuple[OperatorCommand, ...]] = get_args(OperatorCommand)
# An operator waits 9 s for the outcome. Without the look-up, what does not fit is only said later.
_LOOK_UP_SECONDS = 3.0


class TemplateSource(Protocol):
    """See `clients.twilio.content.TwilioContent`."""

    async def find(self, content_sid: str) -> ContentTemplate | None: ...


async def check_template(templates: TemplateSource, command: ConversationCommand) -> ConversationCommand:
    """Return the command fitted to its template: its text fills a template that has one variable.

    If Twilio cannot tell, the command is taken as it is.

    Raises:
        InvalidInput: Twilio knows no such template, or it has other variables.
    """
    if command.content_sid is None:
        return command
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            found = await templates.find(command.content_sid)
    except (TimeoutError, VendorError) as error:
        log.warning("a template could not be looked up", why=str(error) or type(error).__name__)
        return command
    if found is None:
        raise InvalidInput("content_sid", "is unknown to Twilio")
    if found.needs_number:  # only the conversation knows where the person is written to
        command = command.model_copy(update={"needs_number": True})
    if command.text and not command.content_variables and len(found.variables) == 1:
        command = command.model_copy(
            update={"content_variables": dict.fromkeys(found.variables, command.text)}
        )
    if problem := found.mismatch(command.content_variables):
        raise InvalidInput("content_variables", problem)
    return command


class CommandOutcomeSource(Protocol):
    """See `web.outcomes.CommandOutcomes`."""

    async def get(self, event_id: str) -> CommandOutcome | None: ...

    async def wait(self, event_id: str, seconds: float) -> CommandOutcome | None: ...


async def unknown() -> None:
    """Return None: nobody says what waits in the spool."""


class Commands:
    """Publishes a command and waits for its outcome. A command's id makes it idempotent."""

    def __init__(
        self,
        publisher: Publishing,
        outcomes: CommandOutcomeSource,
        wait_seconds: float,
        templates: TemplateSource | None = None,
        now: Callable[[], datetime] = now,
        spooled_until: Callable[[], Awaitable[int | None]] = unknown,
    ) -> None:
        """Make them.

        Args:
            templates: where a template's variables are looked up; None: nowhere.
            now: a command's time.
            spooled_until: the newest event that waits in the spool, see `web.spool.newest_in_spool`.
        """
        self._now = now
        self._spooled_until = spooled_until
        self._templates = templates
        self._publisher = publisher
        self._outcomes = outcomes
        self._wait_seconds = wait_seconds

    async def post(self, request: web.Request) -> web.Response:
        """Answer with the outcome: done, refused with why, or queued if it is not known in time."""
        check_json(request)
        command = command_of(
            request.match_info["phone"], await read_object(request), request[REQUEST_ID], self._now
        )
        status, body = answer(command, await self.submit(command, request[REQUEST_ID]))
        return web.json_response(body, status=status)

    async def submit(self, command: ConversationCommand, request_id: str) -> CommandOutcome | None:
        """Publish, unless the id is known. Return the outcome so far, or None while nobody has taken it up.

        Raises:
            InvalidInput: the id was used for another command, or a template does not fit.
            Unavailable: the command could not be stored.
        """
        clock = asyncio.get_running_loop().time
        answer_at = clock() + self._wait_seconds
        outcome = await self._known(command)
        if outcome is None:
            if self._templates is not None:
                command = await check_template(self._templates, command)
            if command.command == "erase":
                command = command.model_copy(update={"spooled_until": await self._spooled_until()})
            await self._publisher.publish(CONVERSATION_COMMAND, command.key, command.to_json(), request_id)
        if outcome is None or not outcome.is_final:
            seconds = max(0.0, answer_at - clock())
            outcome = await self._outcomes.wait(command.command_id, seconds) or outcome
        return outcome

    async def _known(self, command: ConversationCommand) -> CommandOutcome | None:
        """Look up a repeated command. Without Postgres it is published again: the worker knows its id."""
        try:
            known = await self._outcomes.get(command.command_id)
        except Unavailable:
            return None
        # Of an erased number only the id is known. A command to a merged address is its number's by now.
        is_same = known and command.key in known.addresses and known.command == command.command
        if known and known.addresses and not is_same:
            raise InvalidInput(
                "command_id", f"was used already, to {known.command} another conversation or otherwise"
            )
        return known


def command_of(
    phone: str,
    body: dict[str, Any],
    request_id: str,
    now: Callable[[], datetime] = now,
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> ConversationCommand:
    """Read a command from its body. Without `command_id` it is given one, which the answer tells.

    Raises:
        InvalidInput: names the field.
    """
    given = {name: value for name, value in body.items() if value is not None}
    ours = {
        "phone_number": conversation_key(phone),
        "at": now(),
        "request_id": request_id,
        "schema_version": 1,
    }
    command = ConversationCommand.from_object({"command_id": str(new_id())} | given | ours)
    if command.command not in OPERATOR_COMMANDS:
        raise InvalidInput("command", f"must be one of {', '.join(OPERATOR_COMMANDS)}")
    return command


def answer(command: ConversationCommand, outcome: CommandOutcome | None) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and body for an outcome."""
    identity = {"command_id": command.command_id, "command": command.command}
    if outcome is not None and outcome.error:
        error = outcome.error
        status = error.get("status")
        code = status if isinstance(status, int) and 400 <= status <= 599 else 422
        return code, {
            "success": False,
            "error": error.get("error"),
            "details": error.get("details"),
            **identity,
        }
    if outcome is None or not outcome.is_final:
        return 202, {"success": True, "status": "queued", **identity}
    body = {
        "changed": outcome.changed,
        "conversation_status": outcome.status,
        "whatsapp_message_id": outcome.sid,
    }
    return 200, {"success": True, "status": "done", **identity, **body}
