"""Writes moved conversations by the statement that writes every conversation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias
from uuid import uuid4

import asyncpg

from db.queries import load
from db.store.arguments import Arguments
from db.store.ids import IdBlocks
from db.store.merge import merge
from db.store.statement import statement
from db.store.write import Write
from db.upgrade.values import Convert, Moved, Place
from schemas.errors import ServiceError
from schemas.former import FormerConversation
from schemas.phone import masked

_sql = load("upgrade")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Writer:
    """Writes what moves. `epochs`: of all partitions; `sequences`: the newest one of each that has any."""

    def __init__(
        self,
        connection: Connection,
        convert: Convert,
        place: Place,
        *,
        ids: IdBlocks,
        now: datetime,
        epochs: dict[int, int],
        sequences: dict[int, int],
    ) -> None:
        self._connection = connection
        self._convert = convert
        self._place = place
        self._ids = ids
        self._now = now
        self._epochs = epochs
        self._sequences = sequences

    async def write(self, conversations: Sequence[FormerConversation]) -> None:
        """Write what these conversations become.

        Raises:
            ServiceError: one of them cannot be written.
        """
        await self._ids.fill(sum(_most_ids(each) for each in conversations))
        moved = [self._convert(each, self._now, self._ids) for each in conversations]
        arguments = Arguments(b"")  # this erases nobody
        for place, each in enumerate(moved):
            arguments.add(place, self._write(each), merge(each.changes))
        wanted = statement(frozenset(arguments.tables))
        rows = await self._connection.fetch(wanted.text, *arguments.values(wanted.arguments))
        if left := set(range(len(moved))) - {row["place"] for row in rows}:
            raise ServiceError(f"{masked(moved[left.pop()].phone_number)} cannot be moved to the new schema")
        failed = [(each.conversation_id, turn) for each in moved for turn in each.failed]
        await self._connection.execute(
            _sql.keep_failed_turns, *map(list, zip(*failed, strict=True)) or ([], [])
        )

    def _write(self, moved: Moved) -> Write:
        partition = self._place(moved.phone_number, len(self._epochs))
        return Write(
            phone_number=moved.phone_number,
            partition=partition,
            epoch=self._epochs[partition],
            version=0,
            write_id=uuid4(),
            conversation_id=moved.conversation_id,
            state=moved.state,
            is_open=moved.is_open,
            due_at=moved.due_at,
            log=tuple(replace(row, sequence=self._next_sequence(partition)) for row in moved.log),
            changes=moved.changes,
        )

    def _next_sequence(self, partition: int) -> int:
        self._sequences[partition] = self._sequences.get(partition, 0) + 1
        return self._sequences[partition]


def _most_ids(conversation: FormerConversation) -> int:
    """Return how many rows its open work may need: a conversation, and one for each message and send."""
    sends = sum(len(turn.sends) for turn in conversation.turns)
    return 1 + len(conversation.parked) + len(conversation.replays) + sends
