"""Runs this process's conversations in a mailbox, and judges what fails."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

import structlog

from db.pool import Pool
from db.store.load import BEGINNING, due_actors, open_actors
from mailboxes.mailbox import Mailbox
from mailboxes.ports import Behaviour, Limits, Record, Store, Verdict
from rules import links, sending
from rules.inputs import Input, Recovered, SendAccepted
from rules.known_sends import KnownSends
from schemas.errors import Fenced
from streams.actors.effects.performer import Performer
from streams.actors.effects.runner import EffectRunner
from streams.actors.judge import failure_of
from streams.actors.ownership import Ownership
from streams.actors.rejections import Rejections
from streams.actors.values import Actor, Job, Told, Transition
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.engine.offsets import TopicPartition
from streams.failpoints import reach

log = structlog.get_logger()

# For due actors that are not in memory, and numbers whose calls were not all read when their time came.
_LOOK_EVERY_SECONDS = 1.0
# The most that one statement finds.
_LARGEST_LOOK = 500
# The other half lasts until a number has had its `LEAST_TRIES`, even on the busiest worker.
_FILLING = 0.5
# Session and rebalance timeouts together: by then a paused worker has its new assignment.
_FENCED_SECONDS = 40.0


class Hosting:
    """The mailbox's host. `generation`: of the newest assignment."""

    def __init__(
        self,
        behaviour: Behaviour[Actor, Told, Job, Transition],
        store: Store[Actor, Transition],
        performer: Performer,
        pool: Pool,
        ownership: Ownership,
        *,
        limits: Limits,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        new_id: Callable[[], str],
        rejections: Rejections,
        tell_status: Callable[[str, SendAccepted], Coroutine[Any, Any, None]],
    ) -> None:
        self._pool = pool
        self._ownership = ownership
        self._rejections = rejections
        self._effects = EffectRunner(performer, rejections)
        self._tell_status = tell_status
        self._telling: set[asyncio.Task[None]] = set()
        self._behaviour = behaviour
        self._clock = clock
        self._limits = limits
        self._monotonic = monotonic
        self._mailbox = Mailbox(behaviour, store, self, limits, clock, new_id)
        self._recovering: set[asyncio.Task[None]] = set()
        self.moved_at = self._monotonic()
        #: Monotonic seconds at which a partition was found fenced.
        self.fenced_at: float | None = None
        #: Partitions that stand still because the same failure met many numbers, with that failure.
        self.stopped: dict[int, str] = {}

    @property
    def generation(self) -> int:
        return self._mailbox.generation

    @property
    def unfinished(self) -> int:
        """Unfinished records plus numbers that are being worked on; what waits for its time is neither."""
        return self._mailbox.unfinished.total() + len(self._mailbox.busy)

    @property
    def is_fenced(self) -> bool:
        return self.fenced_at is not None

    def is_at_work(self) -> bool:
        """Return whether something that may take long is under way: an effect, or a wait for the next try."""
        return bool(self._mailbox.effects or self._rejections.retried())

    def snapshot(self) -> dict[str, Any]:
        """Return figures for views and metrics, also by partition."""
        now = asyncio.get_running_loop().time()
        partitions = {
            f"{source}-{partition}": {
                "unfinished": sum(not item.finished for _, item in window.items),
                "oldest_offset": window.low_watermark,
                "oldest_seconds": round(now - window.items[0][1].message.since, 3),
            }
            for (source, partition), window in self._mailbox.windows.items()
            if window.items
        }
        return {
            "mailboxes": len(self._mailbox.busy),
            "in_flight": sum(map(len, self._mailbox.effects.values())),
            "unfinished": self._mailbox.unfinished.total(),
            "retried": self._rejections.retried(),
            "oldest": {
                "record": max((each["oldest_seconds"] for each in partitions.values()), default=None),
                "effect": self._effects.oldest_seconds(),
            },
            "partitions": partitions,
        }

    async def put(
        self,
        source: TopicPartition,
        offset: int,
        key: str,
        told: Told,
        token: object,
        generation: int,
        *,
        urgent: bool,
    ) -> None:
        """Deliver an event, waiting while there is no room."""
        reach("before-begin")
        record = Record(
            source=source.topic,
            partition=source.partition,
            offset=offset,
            key=key,
            message=replace(told, since=asyncio.get_running_loop().time()),
            token=token,
            generation=generation,
            urgent=urgent,
        )
        await self._mailbox.deliver(record)

    def beside(
        self, source: TopicPartition, offset: int, token: object, generation: int
    ) -> Callable[[], None]:
        """Take in a record that no key is told of; calling the result releases it, in its turn."""
        record = Record(
            source=source.topic,
            partition=source.partition,
            offset=offset,
            key="",
            message=replace(_NOTHING, since=asyncio.get_running_loop().time()),
            token=token,
            generation=generation,
        )
        return self._mailbox.beside(record)

    def sends_of(self, key: str) -> KnownSends:
        """Return a number's newest sends; none if it is not in memory, or while part of it is not durable."""
        shard = self._mailbox.busy.get(key) or self._mailbox.resting.get(key)
        return shard.state.sends if shard is not None and shard.loaded and not shard.decided else {}

    def addresses_of(self, key: str) -> frozenset[str]:
        """Return the keys of the person's addresses; for a number that is not in memory, only its own."""
        shard = self._mailbox.busy.get(key) or self._mailbox.resting.get(key)
        others = links.others(shard.state.state) if shard is not None and shard.loaded else ()
        return frozenset((key, *others))

    def may_go(self, key: str, own_id: str) -> bool:
        """Return whether a message is still to be sent.

        What came while its intention was being written has been decided on, and is not durable yet.
        """
        shard = self._mailbox.busy.get(key)
        found = sending.under_way(shard.state.state, own_id) if shard is not None and shard.loaded else None
        return shard is None or found is None or sending.silenced(shard.state.state, *found) is None

    async def tell(self, partition: int, key: str, given: Input) -> None:
        """Deliver our own input to a key, as the bound on work allows; ignore keys that are not ours."""
        await self._mailbox.recover(partition, [key], Told(given=given))

    async def drain(self) -> None:
        """Take nothing new, finish what runs within the cap, and cut off what hangs.

        What only waits is cut off at once, and so are questions that another worker may be asking by now.
        """
        for task in self._recovering:
            task.cancel()
        seconds = self._effects.worth_waiting(DRAIN_CAP_SECONDS)
        draining = asyncio.create_task(self._mailbox.drain(seconds), name="drain")
        await asyncio.sleep(0)  # from here on nothing new begins
        self._effects.abandon(also_asked=not self._ownership.membership.is_sure)
        if cut := await draining:
            log.warning("drain cap reached, work is abandoned", effects=cut, seconds=round(seconds, 1))

    def revoke(self) -> None:
        """Forget all partitions, including those whose loss we found out before we were told."""
        self._mailbox.revoke(list(self._mailbox.owned))

    def assign(self, epochs: Mapping[int, int]) -> None:
        """Own partitions, and take up the open work in them."""
        self.fenced_at, self.moved_at, self.stopped = None, self._monotonic(), {}
        self._mailbox.assign(epochs)
        for partition in epochs:
            task = asyncio.create_task(self._recover(partition), name=f"recover {partition}")
            self._recovering.add(task)
            task.add_done_callback(self._recovering.discard)

    async def _recover(self, partition: int) -> None:
        """Take up what is open in a partition; one that is not taken up whole is given up."""
        after = ""
        with self._mailbox.guard(partition):
            while found := await open_actors(self._pool, partition, after, _LARGEST_LOOK):
                after = found[-1].phone_number
                await self._mailbox.recover(partition, [each.phone_number for each in found])

    async def watch_due(self) -> None:
        """Until cancelled, wake actors that are due: not in memory, or woken before their calls were read."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            for partition in self._ownership.partitions:
                await self._wake_due(partition)

    async def _wake_due(self, partition: int) -> None:
        after = BEGINNING
        while found := await due_actors(self._pool, partition, after, _LARGEST_LOOK):
            after = found[-1]
            numbers, woken = [each.phone_number for each in found], self._behaviour.woken(self._clock())
            await self._mailbox.recover(partition, numbers, woken)

    async def watch_fencing(self) -> None:
        """Until cancelled, check that a new assignment follows when work is fenced.

        Raises:
            Fenced: none followed. Whoever fenced us believes it owns partitions that Kafka assigns to us;
                a restart ends that.
        """
        while True:
            await asyncio.sleep(_FENCED_SECONDS / 10)
            if self.fenced_at is not None and self._monotonic() - self.fenced_at > _FENCED_SECONDS:
                raise Fenced("partitions are given up, though Kafka assigns them to this process")

    # What the mailbox asks of its host.

    async def perform(self, key: str, effect: Job) -> Told | None:
        return await self._effects.run(key, effect)

    def release(self, token: Any) -> None:  # noqa: ANN401 - a Faust event
        self.moved_at = self._monotonic()
        reach("before-release")
        token.ack()

    async def rejected(
        self, key: str, message: Told | None, error: Exception, attempt: int
    ) -> Verdict | Told:
        """Judge a failure.

        A key that cannot be loaded and is told nothing is left alone until the next look at what is due.
        """
        return await self._rejections(key, message, error, attempt, lambda: self._is_filling(key))

    def _is_filling(self, key: str) -> bool:
        """Return whether so many records wait behind a number's that its partition will soon be full."""
        many = self._limits.partition * _FILLING
        windows = self._mailbox.windows
        full = {partition for (_, partition), window in windows.items() if len(window.items) > many}
        # What went ahead is at the head of its own window, and holds up the other one.
        return any(
            window.items[0][0].key == key
            for (_, partition), window in windows.items()
            if partition in full and window.items
        )

    def given_up(self, partition: int, error: BaseException) -> None:
        """Note that a partition stands still until its next assignment.

        It was either stopped by many numbers' failures or fenced.
        """
        is_stopped = error.args == (Verdict.STOP,)
        why = failure_of(error.__cause__ if is_stopped and error.__cause__ else error)
        log.error("a partition is given up", partition=partition, why=why, stopped=is_stopped)
        if is_stopped:
            self.stopped[partition] = why
        else:
            self.fenced_at = self.fenced_at or self._monotonic()

    def orphaned(self, key: str, message: Told) -> None:
        """Handle a result that comes too late for its key.

        If only we know what became of a send, tell its new owner by a report.
        """
        if isinstance(message.given, SendAccepted):
            task = asyncio.create_task(self._tell_status(key, message.given), name="orphaned send")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)


_NOTHING = Told(given=Recovered())
