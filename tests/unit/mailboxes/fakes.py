"""A store and a host in memory, with hooks for delays and faults; they check what must never happen."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mailboxes.ports import KeyWrite, Outcome, Verdict
from tests.unit.mailboxes.virtual_time import check
from tests.unit.mailboxes.world import Ask, Event, Message, State

Fault = Callable[[], Awaitable[None]]


async def nothing() -> None:
    await asyncio.sleep(0)


class Store:
    """A store in memory.

    `before` and `after` are awaited around each append. `judge` says what to answer instead of writing.
    """

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.epochs: dict[int, int] = {}
        self.write_ids: dict[str, str] = {}
        self.groups: list[list[str]] = []
        self.loads: list[list[str]] = []
        self.writing: set[tuple[str, int]] = set()
        self.before: Fault = nothing
        self.after: Fault = nothing
        self.loading: Fault = nothing
        self.judge: Callable[[KeyWrite[Event]], Outcome | Exception | None] = lambda _: None

    def ids(self, key: str, kind: str) -> list[str]:
        return [event.id for event in self.events[key] if event.kind == kind]

    async def load(self, keys: Sequence[str]) -> Mapping[str, State]:
        self.loads.append(list(keys))
        await self.loading()
        states = {key: State() for key in keys}
        for key in keys:
            for event in self.events[key]:
                states[key] = states[key].after(event)
        return states

    async def append(self, writes: Sequence[KeyWrite[Event]]) -> Sequence[Outcome | Exception]:
        keys = [write.key for write in writes]
        at_once = {(write.key, write.epoch) for write in writes}
        check(all(write.writes for write in writes) and writes != [], "nothing empty is written")
        check(len(at_once) == len(writes) and not self.writing & at_once, "one write of a key at a time")
        self.writing |= at_once
        try:
            await self.before()
            self.groups.append(keys)
            outcomes = [self._append(write) for write in writes]
            await self.after()
        finally:
            self.writing -= at_once
        return outcomes

    def _append(self, write: KeyWrite[Event]) -> Outcome | Exception:
        judged = self.judge(write)
        if judged is not None:
            return judged
        if self.epochs.get(write.partition, write.epoch) != write.epoch:
            return Outcome.FENCED
        if self.write_ids.get(write.key) == write.id:
            return Outcome.WRITTEN
        if write.writes[0].expected != len(self.events[write.key]):
            return Outcome.CONFLICT
        self.events[write.key] += write.writes
        self.write_ids[write.key] = write.id
        return Outcome.WRITTEN


class Host:
    """A host whose effects await `answer`.

    `verdicts` are taken one after the other, the last again and again. With `eager`, effects may start before
    their reason is durable.
    """

    def __init__(self, store: Store, *, eager: bool = False) -> None:
        self._store, self._eager = store, eager
        self.running: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str]] = []
        self.released: list[object] = []
        self.rejections: list[tuple[str, Message | None, str, int]] = []
        self.given: list[tuple[int, str]] = []
        self.orphans: list[tuple[str, Message]] = []
        self.verdicts: list[Verdict | Message] = [Verdict.STOP]
        self.answer: Callable[[str, Ask], Awaitable[Message | None]] = self._answer

    async def _answer(self, key: str, effect: Ask) -> Message | None:
        await asyncio.sleep(1.0)
        return Message("answer", effect.id)

    async def perform(self, key: str, effect: Ask) -> Message | None:
        check((key, effect.id) not in self.running, "an effect runs once at a time")
        check(self._eager or effect.id in self._store.ids(key, "take"), "nothing starts before it is durable")
        self.running.add((key, effect.id))
        self.asked.append((key, effect.id))
        try:
            return await self.answer(key, effect)
        finally:
            self.running.discard((key, effect.id))

    def release(self, token: object) -> None:
        self.released.append(token)

    async def rejected(
        self, key: str, message: Message | None, error: Exception, attempt: int
    ) -> Verdict | Message:
        self.rejections.append((key, message, repr(error), attempt))
        await asyncio.sleep(0)
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]

    def given_up(self, partition: int, error: BaseException) -> None:
        self.given.append((partition, repr(error)))

    def orphaned(self, key: str, message: Message) -> None:
        self.orphans.append((key, message))
