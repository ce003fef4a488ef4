"""A log, a store, and one process after another that reads and answers it, with everything that can fail."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from itertools import cycle
from random import Random
from typing import Any, NamedTuple

from mailboxes.mailbox import Mailbox
from mailboxes.ports import KeyWrite, Limits, Outcome, Record, Verdict
from tests.unit.mailboxes.fakes import Host, Store
from tests.unit.mailboxes.virtual_time import check, now
from tests.unit.mailboxes.world import Ask, Behaviour, Event, Message

PARTITIONS = {"a": 0, "b": 0, "c": 1, "d": 1}
SOURCES = ("in", "calls")
LIMITS = Limits(work=7, partition=4, source=5, keys=2, group=3)
_MOST_ATTEMPTS = 2  # a message that can never be handled is a dead letter then

Place = tuple[str, int]


class Token(NamedTuple):
    place: Place
    offset: int
    generation: int


class Universe:
    """`log`: what was produced, by source and partition. `committed`: where a new owner begins to read."""

    def __init__(self, seed: int, faults: float, *, eager: bool = False) -> None:
        self.random, self.faults, self.eager = Random(seed), faults, eager
        self.store = Store()
        self.store.before = self.store.after = self.store.loading = self.trouble
        self.store.judge = self._judge
        self.log: dict[Place, list[tuple[str, Message]]] = defaultdict(list)
        self.committed: dict[Place, int] = defaultdict(int)
        self.dead_letters: set[str] = set()
        self.current: Process | None = None

    def produce(self, source: str, key: str, kind: str) -> None:
        id = f"{source}{sum(map(len, self.log.values()))}" + ("~" if kind == "patient" else "")
        message = Message("poison" if kind == "poison" else "take", id)
        self.log[source, PARTITIONS[key]].append((key, message))

    async def trouble(self) -> None:
        """Takes its time, and fails now and then."""
        await asyncio.sleep(self.random.choice([0.0, 0.0, 0.001, 0.03]))
        if self.random.random() < self.faults:
            raise ConnectionError("cut off")

    def _judge(self, write: KeyWrite[Event]) -> Outcome | Exception | None:
        if self.random.random() < self.faults:
            return self.random.choice([Outcome.CONFLICT, ValueError("refused")])
        return None

    def is_done(self, message: Message, key: str) -> bool:
        return message.id in self.dead_letters or message.id in self.store.ids(key, "take")

    @property
    def is_over(self) -> bool:
        read = all(self.committed[place] == len(records) for place, records in self.log.items())
        return read and all(self.open_ids(key) == [] for key in PARTITIONS)

    def open_ids(self, key: str) -> list[str]:
        answered = self.store.ids(key, "answer")
        return [id for id in self.store.ids(key, "take") if not id.endswith("~") and id not in answered]


class Process(Host):
    """Owns all partitions from its start. Another's start fences it, as its next write tells it."""

    def __init__(self, universe: Universe) -> None:
        super().__init__(universe.store, eager=universe.eager)
        self._universe = universe
        self.box = Mailbox(Behaviour(parallel=2, eager=universe.eager), universe.store, self, LIMITS, now)
        self._next: dict[Place, int] = {}
        self._answered: set[str] = set()
        self._tasks: list[asyncio.Task[Any]] = []
        universe.current = self
        self.start()

    def start(self) -> None:
        """Claim, own, recover what is open, and read on."""
        store = self._universe.store
        for partition in {0, 1}:
            store.epochs[partition] = store.epochs.get(partition, 0) + 1
        self.box.assign(store.epochs)
        self._next = dict(self._universe.committed)
        self._tasks = [
            asyncio.create_task(self._read(source, dict(self._next), self.box.generation))
            for source in SOURCES
        ]
        self._tasks += [
            asyncio.create_task(self.box.recover(partition, self._open(partition))) for partition in (0, 1)
        ]

    def _open(self, partition: int) -> list[str]:
        return [key for key, its in PARTITIONS.items() if its == partition and self._universe.open_ids(key)]

    async def rebalance(self, cap: float) -> None:
        """Drain, as far as the cap allows, and own the partitions anew."""
        await self.box.drain(cap)
        self.start()

    async def _read(self, source: str, positions: dict[Place, int], generation: int) -> None:
        """Deliver the log from where it was committed, one partition's record after the other's."""
        for place in cycle([(source, 0), (source, 1)]):
            await asyncio.sleep(self._universe.random.choice([0.0, 0.0, 0.01, 0.1]))
            offset = positions.get(place, 0)
            if offset < len(self._universe.log[place]):
                if not await self.box.deliver(self._record(*place, offset, generation)):
                    return
                check(self.box.unfinished[source] <= LIMITS.source, "the bound of a source holds")
                check(len(self.box.windows[place].items) <= LIMITS.partition, "that of a partition, too")
                positions[place] = offset + 1

    def _record(self, source: str, partition: int, offset: int, generation: int) -> Record[Message]:
        key, message = self._universe.log[source, partition][offset]
        token = Token((source, partition), offset, generation)
        return Record(
            source=source,
            partition=partition,
            offset=offset,
            key=key,
            message=message,
            token=token,
            generation=generation,
        )

    def release(self, token: object) -> None:
        assert isinstance(token, Token)
        key, message = self._universe.log[token.place][token.offset]
        check(self._universe.is_done(message, key), "nothing is released before it is durable")
        check(token.generation == self.box.generation, "nothing of a former assignment is released")
        check(token.offset == self._next.get(token.place, 0), "in order, without gaps")
        self._next[token.place] = token.offset + 1
        self._universe.committed[token.place] = max(self._universe.committed[token.place], token.offset + 1)

    async def perform(self, key: str, effect: Ask) -> Message | None:
        if self is self._universe.current:
            check(effect.id not in self._universe.store.ids(key, "answer"), "nothing is done again")
        check(self.box.unfinished.total() <= LIMITS.work, "the bound on work holds")
        check(effect.id not in self._answered, "nothing is done again while its result is on its way")
        answer = await super().perform(key, effect)
        self._answered.add(effect.id)
        return answer

    def orphaned(self, key: str, message: Message) -> None:
        self._answered.discard(message.id)

    async def rejected(self, key: str, message: Message | None, error: Exception, attempt: int) -> Verdict:
        await asyncio.sleep(0.01)
        if message is not None and message.kind == "poison" and attempt >= _MOST_ATTEMPTS:
            self._universe.dead_letters.add(message.id)
            return Verdict.SKIP
        return Verdict.RETRY

    def given_up(self, partition: int, error: BaseException) -> None:
        """Fenced: it begins anew, if nobody else has taken over."""
        if self is self._universe.current:
            self._tasks.append(asyncio.create_task(self.rebalance(0)))


def tasks_but(*mine: asyncio.Task[Any] | None) -> Iterable[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task not in mine]
