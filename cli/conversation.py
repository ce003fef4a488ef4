"""`conversation`: an operator's commands for one number, sent through the same topic as those over HTTP."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from cli.connected import postgres_and_kafka
from cli.process import whoami
from clients.http import open_session
from clients.twilio.api import TwilioApi
from clients.twilio.content import TwilioContent
from schemas.commands import ConversationCommand
from schemas.settings import Settings, require
from web.commands import Commands, answer, command_of
from web.outcomes import CommandOutcome, CommandOutcomes
from web.publisher import Publisher
from web.spool import Spool, newest_in_spool

_OK = range(200, 300)
# A template and its approval, one after the other; how long both may take `check_template` says.
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CONNECTIONS = 1


def run_command(settings: Settings, number: str, body: dict[str, Any], *, as_json: bool) -> int:
    """Send a command, wait for its outcome and print it. Return 1 if it was refused, else 0.

    Raises:
        InvalidInput, ConfigurationError, Unavailable: see `send_command`.
    """
    return 0 if send_command(settings, number, body, as_json=as_json) in _OK else 1


def send_command(settings: Settings, number: str, body: dict[str, Any], *, as_json: bool) -> int:
    """Send a command, wait for its outcome and print it. Return the HTTP status: 202 if it only waits.

    Raises:
        InvalidInput: the number or an option is malformed, the id was used for another command, or Twilio
            knows no such template, or one with other variables.
        ConfigurationError, Unavailable: nothing was sent.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    request_id = f"cli-{uuid.uuid4().hex}"
    command = command_of(number, {"by": body.get("by") or whoami()} | body, request_id)
    status, told = answer(command, asyncio.run(_send(settings, command, request_id)))
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(told)
    return status


async def _send(settings: Settings, command: ConversationCommand, request_id: str) -> CommandOutcome | None:
    async with postgres_and_kafka(settings) as (database, kafka), _templates(settings) as templates:
        outcomes = CommandOutcomes(database)
        watching = asyncio.create_task(outcomes.watch())
        try:
            publisher, until = Publisher(kafka, Spool(database)), partial(newest_in_spool, database)
            commands = Commands(
                publisher, outcomes, settings.outcome_wait_seconds, templates, spooled_until=until
            )
            return await commands.submit(command, request_id)
        finally:
            watching.cancel()


@asynccontextmanager
async def _templates(settings: Settings) -> AsyncIterator[TwilioContent | None]:
    """Give where templates are looked up; None without an account, which a command does not need."""
    if not (settings.twilio_account_sid and settings.twilio_auth_token):
        yield None
        return
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        yield TwilioContent(TwilioApi(settings, session))


def _print(told: dict[str, Any]) -> None:
    if not told["success"]:
        print(f"refused: {told['error']}; {told['details']}")
    elif told["status"] == "queued":
        print(
            f"queued as {told['command_id']}; no worker has done it yet, "
            "repeat it with --id to see what came of it"
        )
    else:
        did = "done" if told["changed"] else "nothing to change"
        print(
            f"{did}; the conversation is {told['conversation_status'] or 'not there'}  "
            f"(command {told['command_id']})"
        )
