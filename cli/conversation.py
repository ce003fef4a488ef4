"""`conversation`: an operator's commands for one number, through the same topic as those of the HTTP side."""

import asyncio
import getpass
import json
import uuid
from typing import Any

from db.pool import POSTGRES_ERRORS, create_pool
from schemas.errors import Unavailable
from schemas.events import ConversationCommand
from schemas.settings import Settings, require
from web.command_outcomes import CommandOutcome, CommandOutcomes
from web.commands import Commands, answer, command_of
from web.database import Database
from web.kafka_link import KafkaLink
from web.publisher import Publisher
from web.spool import Spool

_OK = range(200, 300)


def run_command(settings: Settings, number: str, body: dict[str, Any], *, as_json: bool) -> int:
    """Send a command, wait for its outcome, print it; 1 when it was refused.

    Raises:
        InvalidInput: the number or an option is malformed, or the id was used for another command.
        ConfigurationError, Unavailable: nothing was sent.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    request_id = f"cli-{uuid.uuid4().hex}"
    command = command_of(number, {"by": getpass.getuser()} | body, request_id)
    status, told = answer(command, asyncio.run(_send(settings, command, request_id)))
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(told)
    return 0 if status in _OK else 1


async def _send(settings: Settings, command: ConversationCommand, request_id: str) -> CommandOutcome | None:
    try:
        pool = await create_pool(settings)
    except POSTGRES_ERRORS as error:
        raise Unavailable("Postgres does not answer; check DATABASE_URL") from error
    kafka, outcomes = KafkaLink(settings), CommandOutcomes(Database(pool))
    watching = asyncio.create_task(outcomes.watch())
    try:
        await kafka.keep()
        if not kafka.answers:
            raise Unavailable("Kafka does not answer; check KAFKA_BOOTSTRAP_SERVERS")
        publisher = Publisher(kafka, Spool(Database(pool)))
        return await Commands(publisher, outcomes, settings.outcome_wait_seconds).submit(command, request_id)
    finally:
        watching.cancel()
        await kafka.close()
        pool.terminate()


def _print(told: dict[str, Any]) -> None:
    if not told["success"]:
        print(f"refused: {told['error']}; {told['details']}")
    elif told["status"] == "queued":
        print(f"queued as {told['command_id']}; no worker has done it yet, repeat it with --id to see what came of it")
    else:
        did = "done" if told["changed"] else "nothing to change"
        print(f"{did}; the conversation is {told['conversation_status'] or 'not there'}  (command {told['command_id']})")
