"""The promise, over thousands of histories: whatever crashes, moves or comes twice, each message is answered once.

The mailboxes, the offset windows and all of a turn's code are the real ones. A history is made of the smallest moves: an
event is fetched, one step of the loop runs, a vendor answers, a worker dies, partitions move, offsets are committed.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from schemas.documents import now
from schemas.events import InboundMessage
from schemas.settings import load_settings
from streams.turns import patience
from streams.turns import sending as sending_module
from tests.model.database import Database
from tests.model.outside import Outside
from tests.model.worker import Record, Worker

PARTITIONS = 2
NUMBERS = {"+573100000000": 0, "+573100000001": 1, "+573100000002": 0}
"""With their partitions."""
_WORKERS = 2
_ROUNDS = 400


@contextmanager
def without_waiting() -> Iterator[None]:
    """Backoff and patience take no time: the history itself says what comes before what."""
    with (
        patch.object(patience, "_backoff", lambda _: 0.0),
        patch.object(patience, "_MOST_ATTEMPTS", 2),
        patch.object(sending_module, "_SHORTEST_LOOK_SECONDS", 0.0),
    ):
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        yield
        structlog.reset_defaults()


class Promise(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.database, self.outside = Database(), Outside()
        self.settings = load_settings({}, twilio_unknown_patience_seconds=0, twilio_messages_per_second=1e9)
        self.logs: dict[int, list[Record]] = {partition: [] for partition in range(PARTITIONS)}
        self.committed = dict.fromkeys(range(PARTITIONS), 0)
        self.owners: dict[int, Worker] = {}
        self.workers: list[Worker] = []
        self.do(self._rebalance([0, 1]))

    def do(self, work: object) -> None:
        self.loop.run_until_complete(work)  # type: ignore[arg-type]  # a coroutine

    @rule(number=st.sampled_from(list(NUMBERS)), times=st.integers(1, 2))
    def write(self, number: str, times: int) -> None:
        """A client writes; the webhook may come twice, and so may its record."""
        log = self.logs[NUMBERS[number]]
        text = f"m{sum(each == number for each, _ in log)}.{len(log)}"
        params = {"From": f"whatsapp:{number}", "Body": text}
        message = InboundMessage(event_id=f"SM{number}{text}", received_at=now(), params=params)
        log += [(number, message)] * times

    @rule(partition=st.integers(0, PARTITIONS - 1))
    def fetch(self, partition: int) -> None:
        self.do(self._fetch(partition))

    async def _fetch(self, partition: int) -> None:
        for worker in self.workers:
            worker.fetch(partition, self.logs[partition])
        await asyncio.sleep(0)

    @rule(steps=st.integers(1, 40))
    def run(self, steps: int) -> None:
        """The event loop goes on a little; whatever comes next comes between any two steps."""
        self.do(self._run(steps))

    async def _run(self, steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    @precondition(lambda self: self.outside.gates)
    @rule(place=st.integers(0, 5), steps=st.integers(0, 6))
    def answer(self, place: int, steps: int) -> None:
        """A vendor's answer arrives."""
        self.outside.open(place)
        self.do(self._run(steps))

    @rule(fate=st.sampled_from(["silent", "lost", "refused", "reported"]))
    def fate(self, fate: str) -> None:
        """Twilio takes the next send and does not say so; does not take it; refuses it; reports it before it answers."""
        self.outside.fates.append(fate)

    @rule()
    def commit(self) -> None:
        """Only what the broker still takes for the owner may commit."""
        for partition, worker in self.owners.items():
            self.committed[partition] = max(self.committed[partition], worker.acknowledged.get(partition, 0))

    @precondition(lambda self: self.workers)
    @rule(place=st.integers(0, _WORKERS - 1))
    def kill(self, place: int) -> None:
        worker = self.workers.pop(place % len(self.workers))
        self.owners = {partition: each for partition, each in self.owners.items() if each is not worker}
        self.do(worker.kill())

    @rule(places=st.lists(st.integers(0, _WORKERS - 1), min_size=PARTITIONS, max_size=PARTITIONS))
    def rebalance(self, places: list[int]) -> None:
        """All are drained, what they finished is committed, and partitions are given anew; dead workers are replaced."""
        self.go_on()
        self.do(self._drain())
        self.commit()
        self.do(self._rebalance(places))

    async def _drain(self) -> None:
        for worker in self.workers:
            await worker.mailboxes.drain(0)

    async def _rebalance(self, places: list[int]) -> None:
        while len(self.workers) < _WORKERS:
            self.workers.append(Worker(self.database, self.outside, self.settings))
        self.owners = {partition: self.workers[place] for partition, place in enumerate(places)}
        for worker in self.workers:
            await worker.assign({p: self.committed[p] for p, owner in self.owners.items() if owner is worker})

    @precondition(lambda self: len(self.workers) == _WORKERS)
    @rule(partition=st.integers(0, PARTITIONS - 1), steps=st.integers(0, 80))
    def evict(self, partition: int, steps: int) -> None:
        """A worker is paused and loses its partition; it does not know when it goes on. The new owner begins at once."""
        before = self.owners.get(partition)
        after = next(worker for worker in self.workers if worker is not before)
        if before:
            before.running.clear()
        after.running.set()
        self.owners[partition] = after
        self.do(after.assign({p: self.committed[p] for p, owner in self.owners.items() if owner is after}))
        self.fetch(partition)
        self.do(self._run(steps))

    @rule()
    def go_on(self) -> None:
        """Whoever was paused goes on."""
        for worker in self.workers:
            worker.running.set()
        self.do(self._run(3))

    @rule()
    def due(self) -> None:
        """The time of held turns has come."""
        self.do(self._due())

    async def _due(self) -> None:
        for turn in self.database.turns:
            if turn.held and turn.is_open:
                turn.held = False
                partition = NUMBERS[turn.number]
                if partition in self.owners:
                    self.owners[partition].remind(partition, turn.number)
        await asyncio.sleep(0)

    @invariant()
    def answered_once_and_in_order(self) -> None:
        for number in NUMBERS:
            answered, written = self.outside.accepted(number), self.written(number)
            assert answered == written[: len(answered)], "answered twice, out of order, or to somebody else"

    @invariant()
    def what_is_committed_is_kept(self) -> None:
        for partition, log in self.logs.items():
            for _, message in log[: self.committed[partition]]:
                assert message.event_id in self.database.inputs, "committed, and nobody knows of it"

    @invariant()
    def one_turn_at_a_time(self) -> None:
        for number in NUMBERS:
            self.database.open_turn(number)

    def written(self, number: str) -> list[str]:
        """Give what a number wrote, each once."""
        log = self.logs[NUMBERS[number]]
        return list(dict.fromkeys(message.body for each, message in log if each == number))

    def teardown(self) -> None:
        """All is well again: whatever is left is answered, and committed."""
        try:
            self.outside.fates.clear()
            self.rebalance([0, 1])
            self.do(self._settle())
            self.commit()
            self.answered_once_and_in_order()
            for number in NUMBERS:
                assert len(self.outside.accepted(number)) == len(self.written(number)), "never answered"
            assert self.committed == self.ends()
            assert not any(worker.mailboxes.unfinished for worker in self.workers)
        finally:
            self.do(self._kill_all())
            self.loop.close()

    async def _settle(self) -> None:
        for _ in range(_ROUNDS):
            for partition in range(PARTITIONS):
                await self._fetch(partition)
            while self.outside.gates:
                self.outside.open(0)
            await self._due()
            await self._run(10)
            self.commit()
            if self.committed == self.ends() and not any(turn.is_open for turn in self.database.turns):
                return

    def ends(self) -> dict[int, int]:
        return {partition: len(log) for partition, log in self.logs.items()}

    async def _kill_all(self) -> None:
        for worker in self.workers:
            await worker.kill()
        await self._run(5)


def test_the_promise_holds_over_thousands_of_histories() -> None:
    wanted = settings(max_examples=2000, stateful_step_count=40, suppress_health_check=list(HealthCheck))
    with without_waiting():
        run_state_machine_as_test(Promise, settings=wanted)
