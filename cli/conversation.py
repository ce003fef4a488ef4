"""`conversation`: an operator's commands for one number, sent through the same topic as those over HTTP."""

import asyncio
import json
import uuid
from functools import partial
from typing import Any

from cli.connected import postgres_and_kafka
from cli.process import whoami
from schemas.commands import ConversationCommand
from schemas.settings import Settings, require
from web.commands import Commands, answer, command_of
from web.outcomes import CommandOutcome, CommandOutcomes
from web.publisher import Publisher
from web.spool import Spool, newest_in_spool

_OK = range(200, 300)


def run_command(settings: Settings, number: str, body: dict[str, Any], *, as_json: bool) -> int:
    """Send a command, wait for its outcome and print it. Return 1 if it was refused, else 0.

    Raises:
        InvalidInput, ConfigurationError, Unavailable: see `send_command`.
    """
    return 0 if send_command(settings, number, body, as_json=as_json) in _OK else 1


def send_command(settings: Settings, number: str, body: dict[str, Any], *, as_json: bool) -> int:
    """Send a command, wait for its outcome and print it. Return the HTTP status: 202 if it only waits.

    Raises:
        InvalidInput: the number or an option is malformed, or the id was used for another command.
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
    async with postgres_and_kafka(settings) as (database, kafka):
        outcomes = CommandOutcomes(database)
        watching = asyncio.create_task(outcomes.watch())
        try:
            publisher, until = Publisher(kafka, Spool(database)), partial(newest_in_spool, database)
            commands = Commands(publisher, outcomes, settings.outcome_wait_seconds, spooled_until=until)
            return await commands.submit(command, request_id)
        finally:
            watching.cancel()


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
