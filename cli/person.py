"""What is kept of one person: `export NUMBER` prints it as JSON, `erase NUMBER` forgets it.

An erasure takes its place in the order of the number's own events.
"""

import asyncio
import json
import sys
from http import HTTPStatus

import typer

from cli.connected import pool_of
from cli.conversation import send_command
from db.readers.persons import kept_of
from schemas.phone import conversation_key, masked
from schemas.rows import Json
from schemas.settings import Settings, require

_REMAINS = (
    "What remains: the opt-out, if there is one, so that nobody writes again; ids without anything else; in "
    "Kafka, events until their topics' retention ends ({hours} h), which no replay brings back; and what "
    "Twilio and ElevenLabs keep."
)


def run_erase(settings: Settings, number: str, *, yes: bool, as_json: bool) -> int:
    """Erase after a confirmation. Return 1 if it was declined or could not be done yet, else 0.

    Raises:
        InvalidInput: not a number.
        ConfigurationError, Unavailable: nothing was sent.
    """
    key = conversation_key(number)
    if not yes and not typer.confirm(
        f"Erase the conversation, messages and log of {masked(key)} for good?", err=True
    ):
        return 1
    status = send_command(settings, key, {"command": "erase"}, as_json=as_json)
    if status == HTTPStatus.OK and not as_json:
        print(_REMAINS.format(hours=settings.topic_retention_hours))
    elif status == HTTPStatus.ACCEPTED:
        print("not erased yet: say it again once a worker runs", file=sys.stderr)
    return 0 if status == HTTPStatus.OK else 1


def run_export(settings: Settings, number: str) -> int:
    """Print what is kept of a number. Return 1 if nothing is, else 0.

    Raises:
        InvalidInput: not a number.
        ConfigurationError, Unavailable: Postgres cannot be asked.
    """
    require(settings, "database_url")
    kept = asyncio.run(_kept(settings, conversation_key(number)))
    print(json.dumps(kept, ensure_ascii=False, indent=2))
    return 0 if any(value for name, value in kept.items() if name != "phone_number") else 1


async def _kept(settings: Settings, number: str) -> Json:
    pool = await pool_of(settings)
    try:
        return await kept_of(pool, number)
    finally:
        await pool.close()
