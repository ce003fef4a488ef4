"""All shards of a process: their effects and timers, and which of them are in memory."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from typing import Generic
from uuid import uuid4

from mailboxes.group_commit import GroupCommit
from mailboxes.ports import Behaviour, E, Host, Limits, M, Outcome, RunState, S, Store, W
from mailboxes.shard import Shard
from mailboxes.watermark import Window, WorkItem


class Shards(Generic[S, M, E, W]):
    def __init__(
        self,
        behaviour: Behaviour[S, M, E, W],
        store: Store[S, W],
        host: Host[M, E],
        limits: Limits,
        clock: Callable[[], float],
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.behaviour, self.store, self.host, self.limits, self.clock = behaviour, store, host, limits, clock
        self.loads = GroupCommit(self._load, limits.group, at_once=limits.groups)
        self.commits = GroupCommit(self._append, limits.group, limits.patience, limits.groups)
        self.owned: dict[int, tuple[int, int]] = {}  # epoch and generation by partition
        self.windows: dict[tuple[str, int], Window[M]] = {}  # by source and partition
        self.unfinished: Counter[str] = Counter()  # records by source
        self.busy: dict[str, Shard[S, M, E, W]] = {}  # must stay in memory
        self.resting: OrderedDict[str, Shard[S, M, E, W]] = OrderedDict()  # may leave it, oldest first
        self.effects: dict[str, dict[str, tuple[E, asyncio.Task[M | None]]]] = {}  # until durable
        self.new_id, self.run_state, self._change = new_id, RunState.IDLE, asyncio.Event()
        self.open_work = self.size = self.generation = 0

    def tell(self, key: str, partition: int, *items: WorkItem[M]) -> None:
        shard = self.busy.get(key) or self.resting.pop(key, None)
        if shard is None:
            shard = Shard(self, key, partition, self.owned[partition][0])
            self.open_work += shard.open_work
        self.busy[key] = shard
        shard.tell(*items)

    async def _load(self, shards: Sequence[Shard[S, M, E, W]]) -> Sequence[S | Exception]:
        states = await self.store.load([shard.key for shard in shards])
        return [states[shard.key] for shard in shards]

    async def _append(self, shards: Sequence[Shard[S, M, E, W]]) -> Sequence[Outcome | Exception]:
        return await self.store.append([shard.begin_write() for shard in shards])

    def recovered(self, key: str) -> WorkItem[M]:
        return WorkItem(self.behaviour.recovered(frozenset(self.effects.get(key, ()))), recovers=True)

    def finish(self, key: str, item: WorkItem[M]) -> None:
        """Finish a message whose outcome is durable, or that is skipped."""
        if item.window is not None:
            item.window.finish(item)
        if item.effect is not None:
            self._end_effect(key, item.effect)
        self.changed()

    def reconcile(self, shard: Shard[S, M, E, W]) -> None:
        """Reconcile effects with a durable state: start what is wanted, cancel what is not."""
        self._weigh(shard, self.behaviour.open_work(shard.state), self.behaviour.size(shard.state))
        if self.run_state in (RunState.RUNNING, RunState.DRAINING):
            wanted = {effect.id: effect for effect in self.behaviour.wanted(shard.state, self.clock())}
            for effect, task in self.effects.get(shard.key, {}).values():
                if effect.cancellable and effect.id not in wanted:
                    task.cancel()
            self.begin(shard, wanted.values())

    def begin(self, shard: Shard[S, M, E, W], effects: Iterable[E]) -> None:
        for effect in effects:
            may = self.run_state is RunState.RUNNING or self.behaviour.committed(effect)
            if may and effect.id not in self.effects.get(shard.key, ()):
                task = asyncio.create_task(self.host.perform(shard.key, effect), context=Context())
                self.effects.setdefault(shard.key, {})[effect.id] = effect, task
                task.add_done_callback(partial(self._effect_ended, shard.key, shard.partition, effect.id))

    def _effect_ended(self, key: str, partition: int, effect_id: str, task: "asyncio.Task[M | None]") -> None:
        """Tell the key the result, or, if the effect was cut off, what still runs."""
        is_ours = partition in self.owned and self.run_state is not RunState.DRAINED
        with self.guard(partition):
            result = None if task.cancelled() else task.exception() or task.result()
            if is_ours and result is not None and not isinstance(result, BaseException):
                self.tell(key, partition, WorkItem(result, effect_id))
                return
            self._end_effect(key, effect_id)
            if isinstance(result, BaseException) and is_ours:
                raise result
            if result is not None and not isinstance(result, BaseException):
                self.host.orphaned(key, result)
            elif key in self.busy:
                self.busy[key].tell(*[self.recovered(key)] * task.cancelled())
        self.changed()

    def _end_effect(self, key: str, effect_id: str) -> None:
        del self.effects[key][effect_id]
        if not self.effects[key]:
            del self.effects[key]

    def _weigh(self, shard: Shard[S, M, E, W], open_work: int, size: int) -> None:
        self.open_work += open_work - shard.open_work
        self.size += size - shard.size
        shard.open_work, shard.size = open_work, size

    def rest(self, shard: Shard[S, M, E, W]) -> None:
        """Let a shard rest if it may, and evict resting shards while there is too much in memory."""
        is_idle = shard.loaded and not shard.unsettled() and shard.key not in self.effects
        if is_idle and self.busy.get(shard.key) is shard:
            self.resting[shard.key] = self.busy.pop(shard.key)
        limits = self.limits
        while self.resting and (self.size > limits.size or len(self.busy) + len(self.resting) > limits.keys):
            self.forget(next(iter(self.resting.values())))
        self.changed()

    def forget(self, shard: Shard[S, M, E, W]) -> None:
        """Drop a key from memory; results that are not durable are handed back."""
        self.busy.pop(shard.key, None)
        self.resting.pop(shard.key, None)
        self._weigh(shard, 0, 0)
        effects = [task for effect, task in self.effects.get(shard.key, {}).values() if effect.cancellable]
        for each in (shard.life, shard.timer[1], *effects):
            if each is not None:
                each.cancel()
        for item in shard.unsettled():
            if item.effect is not None:
                self._end_effect(shard.key, item.effect)
                self.host.orphaned(shard.key, item.message)

    def revoke(self, partitions: Collection[int]) -> None:
        """Forget partitions at once: nothing of theirs is released any more."""
        self.owned = {partition: its for partition, its in self.owned.items() if partition not in partitions}
        for source in [source for source in self.windows if source[1] in partitions]:
            self.windows.pop(source).close()
        for shard in [*self.busy.values(), *self.resting.values()]:
            if shard.partition in partitions:
                self.forget(shard)
        self.changed()

    @contextmanager
    def guard(self, partition: int) -> Iterator[None]:
        """Give the partition up, and no other, if anything is raised."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - told to the host
            if partition not in self.owned:
                raise
            self.revoke([partition])
            self.host.given_up(partition, error)

    def changed(self) -> None:
        """Have everyone who waits for a change look again, in the order in which they came."""
        self._change.set()
        self._change.clear()
