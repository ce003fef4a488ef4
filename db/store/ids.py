"""Row ids, reserved in blocks beforehand, so that decisions take them without waiting.

An unused id is lost, which costs nothing. Ids of one conversation grow with time as long as every claim of
partitions begins new blocks: one reserved before somebody else owned the partition has lower ids than theirs.
"""

import asyncio
from collections import deque

from db.pool import Pool
from db.queries import load
from db.store.retry import retry
from schemas.errors import ServiceError

_sql = load("store")

_TURNS = "conversation_turn_number"


class NoIdsLeft(ServiceError):
    """Out of reserved ids, as while Postgres is away; deciding goes on when there are new ones."""


class IdBlock:
    """Ids of one kind. `size`: how many are reserved at once."""

    def __init__(self, pool: Pool, sequence: str, size: int) -> None:
        self._pool = pool
        self._sequence = sequence
        self._size = size
        self._ids: deque[int] = deque()
        self._filling = asyncio.Lock()
        self._drops = 0

    def __len__(self) -> int:
        return len(self._ids)

    def take(self) -> int:
        """Return the next id.

        Raises:
            NoIdsLeft: none is reserved; call `fill` first.
        """
        if not self._ids:
            raise NoIdsLeft(f"{self._sequence}: Postgres has not given new ids yet")
        return self._ids.popleft()

    async def fill(self, least: int = 1) -> None:
        """Reserve ids unless there are `least`. Those requested before a `drop` are not used after it."""
        async with self._filling:  # two answers may come in either order
            while len(self._ids) < least:
                drops = self._drops
                rows = await retry(
                    self._pool, lambda: self._pool.fetch(_sql.next_ids, self._sequence, self._size)
                )
                if drops == self._drops:
                    self._ids.extend(row[0] for row in rows)

    def drop(self) -> None:
        """Discard the ids that are reserved or being reserved."""
        self._ids.clear()
        self._drops += 1


class IdBlocks:
    """Ids of conversations, messages and turns."""

    def __init__(self, conversations: IdBlock, messages: IdBlock, turns: IdBlock) -> None:
        self.conversations = conversations
        self.messages = messages
        self.turns = turns

    async def fill(self, least: int) -> None:
        """Reserve ids unless there are `least` of each kind."""
        for block in (self.conversations, self.messages, self.turns):
            await block.fill(least)

    def drop(self) -> None:
        """Begin new blocks, as every claim must."""
        for block in (self.conversations, self.messages, self.turns):
            block.drop()


async def id_blocks(pool: Pool, size: int) -> IdBlocks:
    """Return blocks of `size` ids, still empty.

    Raises:
        ServiceError: a table of the contract gives its rows no ids.
    """
    conversations = await _sequence_of(pool, "conversation_state")
    messages = await _sequence_of(pool, "conversation_messages")
    return IdBlocks(*(IdBlock(pool, name, size) for name in (conversations, messages, _TURNS)))


async def _sequence_of(pool: Pool, table: str) -> str:
    name: str | None = await retry(pool, lambda: pool.fetchval(_sql.sequence_of, table, "id"))
    if name is None:
        raise ServiceError(f"{table}.id has no sequence; make it SERIAL, as the contract has it")
    return name
