"""The index of dead letters: brought up to date from the topic and the journal whenever somebody looks.

So nothing is lost while Postgres is away: the topic keeps letters, and what was done with them, until read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TypeVar

import structlog
from aiokafka import ConsumerRecord

from clients.kafka.partitions import read_on
from db.failures import is_postgres_refusal
from db.pool import Connection, Pool
from db.queries import Query, load
from db.readers.letters import POSITIONS, UNREAD
from db.store.erasures import erasure_key
from schemas.dead_letters import DeadLetter, DeadLetterClosed
from schemas.documents import parse_object
from schemas.errors import InvalidInput, Unavailable
from schemas.phone import conversation_key, number_digest, numbers_in
from schemas.settings import Settings
from schemas.topics import DEAD_LETTER
from web.database import Database

log = structlog.get_logger()
_sql = load("dead_letters")
R = TypeVar("R")
_CATCH_UP_SECONDS = 60.0
_WRITE_SECONDS = 10.0
_MOST_AT_ONCE = 200


class Index:
    """Postgres' view of the dead letters."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def catch_up(self) -> None:
        """Read on in the topic, and look for turns that failed.

        Raises:
            Unavailable: Kafka or Postgres does not answer.
        """
        if await self._read_on({each.partition: each.next_offset for each in await self.rows(POSITIONS)}):
            log.warning("the topic of dead letters is another one, and is read from its beginning")
            await self._read_on({})
        if await self._read_former():
            await self._database.bounded(self._database.pool.execute(_sql.forget_erased), _CATCH_UP_SECONDS)
        for sql in (_sql.add_turns, _sql.resolve_turns):
            await self._database.bounded(self._database.pool.execute(sql), _CATCH_UP_SECONDS)

    async def _read_on(self, positions: Mapping[int, int]) -> bool:
        """Read on; return whether letters of a former topic were in the way."""
        is_another = False
        async for records in read_on(self._settings, DEAD_LETTER, positions):
            is_another |= await self._add_surely(records)
        return is_another

    async def rows(self, query: Query[R], *arguments: object) -> list[R]:
        """Read rows."""
        return await self._database.bounded_rows(_WRITE_SECONDS, query, *arguments)

    async def close(self, letter_id: str, closed: DeadLetterClosed) -> None:
        """Record what was done; the topic has it already."""
        arguments = letter_id, closed.state, closed.at.replace(tzinfo=None), closed.model_dump(mode="json")
        await self._database.bounded(self._database.pool.execute(_sql.close, *arguments), _WRITE_SECONDS)

    async def _read_former(self) -> bool:
        """Look for the numbers in letters that a former build indexed; return whether there were any."""
        found = False
        while rows := await self.rows(UNREAD, _MOST_AT_ONCE):
            found, key = True, await self._erasure_key()
            for row in rows:
                mentions = self._mentions(key, row.key, row.value, row.details)
                await self._database.bounded(
                    self._database.pool.execute(_sql.read, row.id, mentions), _WRITE_SECONDS
                )
        return found

    async def _erasure_key(self) -> bytes:
        key: bytes = await self._database.bounded(erasure_key(self._database.pool), _WRITE_SECONDS)
        return key

    def _mentions(self, key: bytes, *told: bytes | str | None) -> list[str]:
        texts = [each.decode(errors="replace") if isinstance(each, bytes) else each or "" for each in told]
        numbers = {each for text in texts for each in numbers_in(text, self._settings.default_region)}
        if (own := _number(texts[0].encode())) is not None:
            numbers.add(own)
        return sorted(number_digest(key, each) for each in numbers)

    async def _add_surely(self, records: Sequence[ConsumerRecord]) -> bool:
        """Add records; return whether letters of a former topic had their places.

        What Postgres refuses to hold stays in the topic alone and does not hold up others.
        """
        try:
            return await self._database.bounded(self._add(records), _WRITE_SECONDS)
        except Unavailable as error:
            if not is_postgres_refusal(error.__cause__):
                raise
            if len(records) > 1:
                return any([await self._add_surely([record]) for record in records])
            log.error(
                "a dead letter cannot be indexed",
                offset=records[0].offset,
                why=type(error.__cause__).__name__,
            )
            await self._database.bounded(self._move(self._database.pool, records), _WRITE_SECONDS)
            return False

    async def _add(self, records: Sequence[ConsumerRecord]) -> bool:
        """Add letters and positions in one transaction, so that an interruption loses neither."""
        key = await erasure_key(self._database.pool)
        async with self._database.pool.acquire() as connection, connection.transaction():
            set_aside = [await self._add_one(connection, record, key) for record in records]
            await self._move(connection, records)
        return any(set_aside)

    async def _move(self, connection: "Connection | Pool", records: Sequence[ConsumerRecord]) -> None:
        newest = {
            record.partition: record.offset + 1 for record in records
        }  # records of a partition come in order
        await connection.execute(_sql.moved, list(newest), list(newest.values()))

    async def _add_one(self, connection: Connection, record: ConsumerRecord, secret: bytes) -> bool:
        """Add what a record says; return whether a letter of a former topic had its place."""
        try:
            parsed = parse_object(record.value or b"")
            if "closes" in parsed:
                closed = DeadLetterClosed.from_object(parsed)
                at = closed.at.astimezone(UTC).replace(tzinfo=None)
                await connection.execute(
                    _sql.close, closed.closes, closed.state, at, closed.model_dump(mode="json")
                )
                return False
            letter = DeadLetter.from_object(parsed)
        except InvalidInput:
            return False  # not ours: only the workers and the operators write to this topic
        key, value = letter.key(), letter.value()
        letter_id, digest = f"{record.partition}-{record.offset}", _digest(letter.topic, value)
        at = letter.at.astimezone(UTC).replace(tzinfo=None)
        set_aside = await connection.fetchval(_sql.set_aside, letter_id, digest, at)
        await connection.execute(
            _sql.add,
            letter_id,
            letter.topic,
            letter.partition,
            letter.offset,
            _number(key),
            letter.reason,
            letter.details,
            letter.tries,
            key,
            value,
            digest,
            at,
            self._mentions(secret, key, value, letter.details),
        )
        return set_aside is not None


def _number(key: bytes | None) -> str | None:
    try:
        return conversation_key((key or b"").decode())
    except (InvalidInput, UnicodeDecodeError):
        return None


def _digest(topic: str, value: bytes | None) -> str:
    return hashlib.sha256(topic.encode() + b"\x00" + (value or b"")).hexdigest()
