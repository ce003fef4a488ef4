"""A mailbox over the fakes, and a log that feeds it."""

import asyncio
from dataclasses import dataclass, field

from mailboxes.mailbox import Mailbox
from mailboxes.ports import Limits, Record
from tests.unit.mailboxes.fakes import Host, Store
from tests.unit.mailboxes.virtual_time import now, virtual_loop
from tests.unit.mailboxes.world import Ask, Behaviour, Event, Message, State

Box = Mailbox[State, Message, Ask, Event]
_ENTIRELY = 1000.0
_LOOK_EVERY = 0.5


@dataclass
class Setting:
    """What a test needs: `await setting.take("key", "id")` delivers a record at the end of its partition."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    limits: Limits = Limits()
    source: str = "in"

    def __post_init__(self) -> None:
        self.store = Store()
        self.host = Host(self.store, eager=self.behaviour.eager)
        self.box: Box = Mailbox(self.behaviour, self.store, self.host, self.limits, now)
        self.offsets: dict[tuple[str, int], int] = {}
        virtual_loop().leaving.append(lambda: self.box.revoke(list(self.store.epochs)))

    def assign(self, *partitions: int) -> None:
        """Claim partitions in the store, then own them."""
        for partition in partitions:
            self.store.epochs[partition] = self.store.epochs.get(partition, 0) + 1
        self.box.assign({partition: self.store.epochs[partition] for partition in partitions})

    def record(
        self, key: str, id: str, kind: str = "take", source: str = "", partition: int = 0
    ) -> Record[Message]:
        """The next one of its partition; its token names source, partition and offset."""
        place = source or self.source, partition
        offset = self.offsets.get(place, 0)
        self.offsets[place] = offset + 1
        token = (*place, offset)
        return Record(
            source=place[0],
            partition=partition,
            offset=offset,
            key=key,
            message=Message(kind, id),
            token=token,
            generation=self.box.generation,
        )

    async def take(self, key: str, id: str, kind: str = "take", source: str = "", partition: int = 0) -> bool:
        return await self.box.deliver(self.record(key, id, kind, source, partition))

    async def settle(self) -> None:
        """Until nothing is left to do, but what timers bring."""
        async with asyncio.timeout(_ENTIRELY):
            while self.box.open_work or self.box.unfinished.total():
                await asyncio.sleep(_LOOK_EVERY)
        assert await self.box.drain(_ENTIRELY) == 0

    @property
    def in_memory(self) -> int:
        return len(self.box.busy) + len(self.box.resting)

    @property
    def released(self) -> list[int]:
        """Offsets of the first partition of the usual source."""
        return [
            token[2]
            for token in self.host.released
            if isinstance(token, tuple) and token[:2] == (self.source, 0)
        ]


async def turns(count: int = 20) -> None:
    """Let everything that needs no time happen."""
    for _ in range(count):
        await asyncio.sleep(0)
