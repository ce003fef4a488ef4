"""Keeps ids at hand, so that deciding never waits for one."""

from collections.abc import Callable
from random import random
from uuid import UUID, uuid4

from db.pool import Pool
from db.store.ids import IdBlocks, id_blocks
from process.periodic import every
from rules.draft import Fresh

# Lasts some seconds at a thousand messages a second, the most that two cores do.
_BLOCK = 5_000
_LOOK_EVERY_SECONDS = 0.25


class Ids:
    """Row ids from reserved blocks, and random ids of our own for messages."""

    def __init__(
        self, blocks: IdBlocks, least: int, new_id: Callable[[], UUID], jitter: Callable[[], float]
    ) -> None:
        self._blocks = blocks
        self._least = least
        self._new_id = new_id
        self._jitter = jitter

    @classmethod
    async def reserve(
        cls,
        pool: Pool,
        new_id: Callable[[], UUID] = uuid4,
        jitter: Callable[[], float] = random,
        block: int = _BLOCK,
    ) -> "Ids":
        """Reserve the first blocks, of `block` ids; half of one is kept at hand.

        `new_id`, `jitter`: sources of randomness.
        """
        ids = cls(await id_blocks(pool, block), block // 2, new_id, jitter)
        await ids.renew()
        return ids

    async def renew(self) -> None:
        """Begin new blocks, so that a conversation's ids grow over time although its owner changes."""
        self._blocks.drop()
        await self._blocks.fill(self._least)

    async def work(self) -> None:
        """Refill until cancelled."""
        await every(_LOOK_EVERY_SECONDS, self.refill)

    async def refill(self) -> None:
        """Reserve more unless enough are at hand."""
        await self._blocks.fill(self._least)

    def fresh(self) -> Fresh:
        """Return the ids and the randomness that decisions take from outside."""
        return Fresh(
            conversation_id=self._blocks.conversations.take,
            message_id=self._blocks.messages.take,
            turn_id=self._blocks.turns.take,
            own_id=lambda: str(self._new_id()),
            jitter=self._jitter,
        )
