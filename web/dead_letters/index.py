"""The index of dead letters: brought up to date from the topic and the journal whenever somebody looks.

So nothing is lost when Postgres is away: the topic keeps the letters, and what was done with them, until it is read on.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from aiokafka import ConsumerRecord

from db.pool import Connection
from db.queries import load
from schemas.documents import parse_object
from schemas.errors import InvalidInput
from schemas.events import DeadLetter, DeadLetterClosed
from schemas.phone import conversation_key
from schemas.settings import Settings
from schemas.topics import DEAD_LETTER
from web.database import Database
from web.kafka_log import read_on

_sql = load("dead_letters")
_CATCH_UP_SECONDS = 60.0
_WRITE_SECONDS = 10.0


class Index:
    """Postgres' view of what lies dead."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def catch_up(self) -> None:
        """Read on in the topic, and look for turns that failed.

        Raises:
            Unavailable: Kafka or Postgres does not answer.
        """
        rows = await self.rows(_sql.positions)
        positions = {row["partition"]: row["next_offset"] for row in rows}
        async for records in read_on(self._settings, DEAD_LETTER, positions):
            await self._database.bounded(self._add(records), _WRITE_SECONDS)
        for sql in (_sql.add_turns, _sql.resolve_turns):
            await self._database.bounded(self._database.pool.execute(sql), _CATCH_UP_SECONDS)

    async def rows(self, sql: str, *arguments: object) -> list[Any]:
        """Read."""
        return await self._database.bounded(self._database.pool.fetch(sql, *arguments), _WRITE_SECONDS)

    async def close(self, letter_id: str, closed: DeadLetterClosed) -> None:
        """Note what was done; the topic has it already."""
        arguments = letter_id, closed.state, closed.at.replace(tzinfo=None), closed.model_dump(mode="json")
        await self._database.bounded(self._database.pool.execute(_sql.close, *arguments), _WRITE_SECONDS)

    async def _add(self, records: Sequence[ConsumerRecord]) -> None:
        """Letters and positions in one transaction, so that a cut leaves neither out."""
        async with self._database.pool.acquire() as connection, connection.transaction():
            for record in records:
                await _add_one(connection, record)
            places = [record.partition for record in records], [record.offset + 1 for record in records]
            newest = dict(zip(*places, strict=True))  # records of a partition come in order
            await connection.execute(_sql.moved, list(newest), list(newest.values()))


async def _add_one(connection: Connection, record: ConsumerRecord) -> None:
    try:
        parsed = parse_object(record.value or b"")
        if "closes" in parsed:
            closed = DeadLetterClosed.from_object(parsed)
            at = closed.at.astimezone(UTC).replace(tzinfo=None)
            await connection.execute(_sql.close, closed.closes, closed.state, at, closed.model_dump(mode="json"))
            return
        letter = DeadLetter.from_object(parsed)
    except InvalidInput:
        return  # nothing of ours: the topic is the workers' and the operators' alone
    key, value = letter.key(), letter.value()
    await connection.execute(
        _sql.add, f"{record.partition}-{record.offset}", letter.topic, letter.partition, letter.offset, _number(key),
        letter.reason, letter.details, letter.tries, key, value, _digest(letter.topic, value),
        letter.at.astimezone(UTC).replace(tzinfo=None),
    )  # fmt: skip


def _number(key: bytes | None) -> str | None:
    try:
        return conversation_key((key or b"").decode())
    except (InvalidInput, UnicodeDecodeError):
        return None


def _digest(topic: str, value: bytes | None) -> str:
    return hashlib.sha256(topic.encode() + b"\x00" + (value or b"")).hexdigest()
