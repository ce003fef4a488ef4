"""A universe from a seed: workers on simulated services, and everything that may happen to them."""

import gc
import logging
import random
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import structlog

from clients.kafka.partitioner import partition_of
from rules.policy import Policy
from schemas.settings import load_settings
from tests.support.chat import paragraphs
from tests.support.history import REOPENING, TEXTS
from tests.universe.judge import judge
from tests.universe.kafka import Kafka
from tests.universe.moves import Move, drawn
from tests.universe.people import Door, People
from tests.universe.postgres import Postgres
from tests.universe.vendors import CALM, STORMS, Backend, ElevenLabs, Twilio
from tests.universe.worker import Services, Worker
from tests.universe.world import Process, World

PARTITIONS = 4
_SETTINGS = (
    {},
    {"twilio_unknown_send": "hold"},
    {"reply_quiet_seconds": 3, "unknown_number_agent_id": "agent_9"},
    {"campaign_messages_per_minute": 60},
    {**REOPENING},
    {"max_in_flight": 4, "twilio_messages_per_second": 2},
)
_COMMON = {**TEXTS, "topic_partitions": PARTITIONS, "unknown_number_grace_seconds": 20, "agent_patience_seconds": 60,
           "conversation_idle_close_hours": 0, "twilio_whatsapp_from": "whatsapp:+14155238886"}  # fmt: skip
_SLICE_SECONDS = 5.0
_LONGEST_REST = 4_000.0
_ANSWERS = ("append", "append", "send", "still_owned", "restored_at", "send conversation-event", "unpublished", "commit")
# For a process that has just been frozen, 28 s at most, and a rebalance that is under way then: a drain takes 10 s at most.
_CALM_SECONDS = 45.0
_MOST_WORKERS = 3
_RESTART = (0.3, 3.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`violations`: promises that did not hold; `hash`: of all that happened."""

    seed: int
    hash: str
    moves: int
    seconds: float
    steps: int
    counts: Counter[str]
    violations: tuple[str, ...]
    lines: tuple[str, ...]


class Universe:
    def __init__(self, seed: int, moves: Sequence[Move]) -> None:
        self.seed, self.moves = seed, moves
        world = self.world = World(seed)
        self.kafka, self.postgres = Kafka(world, PARTITIONS), Postgres(world)
        self.door = Door(world, self.kafka)
        self.people = People(world, self.door, PARTITIONS)
        self.twilio, self.elevenlabs = Twilio(world, self.people.report), ElevenLabs(world)
        self.backend = Backend(world)
        over = _COMMON | world.random.choice(_SETTINGS)
        settings = load_settings({}, **over)
        self.policy = Policy.of(settings, paragraphs)
        self.services = Services(
            world=world, settings=settings, policy=self.policy, kafka=self.kafka, postgres=self.postgres,
            twilio=self.twilio, elevenlabs=self.elevenlabs, backend=self.backend,
        )  # fmt: skip
        self.workers: dict[int, Worker] = {}
        self.wanted = 2
        self._born = Counter[int]()
        self.is_healed = False

    def play(self) -> None:
        for slot in range(self.wanted):
            self._start(slot)
        for move in self.moves:
            self.world.at(move.at, lambda move=move: self._move(move))  # type: ignore[misc]
        self.world.run(max((move.at for move in self.moves), default=0.0) + 1.0)
        self._heal()
        begun = self.world.now
        while self.world.now < begun + _LONGEST_REST and not self._is_at_rest():
            self.world.run(self.world.now + _SLICE_SECONDS)
        if not self._is_at_rest():
            self.world.violated(f"it does not come to rest: {self._unrest()}")
        self.world.run(self.world.now + _CALM_SECONDS)
        judge(self)

    def partition_of(self, key: str) -> int:
        return partition_of(key, PARTITIONS)

    # Workers.

    def _start(self, slot: int) -> None:
        self._born[slot] += 1
        process = Process(self.world, f"w{slot}.{self._born[slot]}")
        worker = self.workers[slot] = Worker(self.services, process)
        process.died = lambda: self._died(slot, worker)
        self.world.note("starts", process.name)
        process.start(worker.main())

    def _died(self, slot: int, worker: Worker) -> None:
        if self.workers.get(slot) is worker:
            del self.workers[slot]
            low, high = _RESTART
            self.world.after(low + self.world.random.random() * (high - low), lambda: self._restart(slot))

    def _restart(self, slot: int) -> None:
        if slot < self.wanted and slot not in self.workers:
            self._start(slot)

    def _process(self, a: int) -> Process | None:
        running = [worker.process for _, worker in sorted(self.workers.items())]
        return running[a % len(running)] if running else None

    # Moves.

    def _move(self, move: Move) -> None:
        self.world.note("move", move.name, move.a, move.b, move.x)
        getattr(self, f"_do_{move.name}")(move.a, move.b, move.x)

    def _do_write(self, a: int, b: int, x: float) -> None:
        self.people.write(a)

    def _do_burst(self, a: int, b: int, x: float) -> None:
        for _ in range(2 + b):
            self.people.write(a)

    def _do_say(self, a: int, b: int, x: float) -> None:
        self.people.say(a, b)

    def _do_call(self, a: int, b: int, x: float) -> None:
        self.people.call(a, b)

    def _do_command(self, a: int, b: int, x: float) -> None:
        self.people.command(a, b)

    def _do_repeat(self, a: int, b: int, x: float) -> None:
        self.people.repeat(a)

    def _do_poison(self, a: int, b: int, x: float) -> None:
        self.people.poison(a)

    def _do_erase(self, a: int, b: int, x: float) -> None:
        if b < 5:
            self.people.erase(a)

    def _do_kill(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a)) is not None:
            process.kill()

    def _do_die_at_step(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a)) is not None:
            process.dies_in = int(x * 400)

    def _do_freeze(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a)) is not None:
            process.freeze(0.5 + x * (25.0 if b > 3 else 3.0), is_asleep=False)

    def _do_sleep(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a)) is not None:
            process.freeze(0.5 + x * 30.0, is_asleep=True)

    def _do_strike(self, a: int, b: int, x: float) -> None:
        """It dies or freezes in the moment in which it is answered."""
        if (process := self._process(a)) is not None:
            steps, seconds = a, 2.0 + 26.0 * x

            def dies() -> None:
                process.dies_in = steps

            strike = dies if b % 2 else (lambda: process.freeze(seconds, is_asleep=False))
            process.strike = _ANSWERS[(a + b) % len(_ANSWERS)], strike

    def _do_terminate(self, a: int, b: int, x: float) -> None:
        running = [worker for _, worker in sorted(self.workers.items()) if worker.stopping is not None]
        if running:
            worker = running[a % len(running)]
            assert worker.stopping is not None
            worker.process.loop.call_soon(worker.stopping.set)

    def _do_scale(self, a: int, b: int, x: float) -> None:
        self.wanted = 1 + b % _MOST_WORKERS
        for slot in range(_MOST_WORKERS):
            if slot >= self.wanted and (worker := self.workers.get(slot)) is not None and worker.stopping is not None:
                worker.process.loop.call_soon(worker.stopping.set)
            else:
                self._restart(slot)

    def _do_rebalance(self, a: int, b: int, x: float) -> None:
        self.kafka.force_rebalance()

    def _do_cut_off(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a)) is not None:
            service = ("postgres", "kafka", "twilio", "elevenlabs")[b % 4]
            process.cut_off.add(service)
            self.world.note("cut off", process.name, service)
            self.world.after(0.2 + x * 12.0, lambda: process.cut_off.discard(service))

    def _do_postgres_away(self, a: int, b: int, x: float) -> None:
        self._away(self.postgres.service, 0.1 + x * 8.0)

    def _do_kafka_away(self, a: int, b: int, x: float) -> None:
        self._away(self.kafka.service, 0.1 + x * 8.0)

    def _away(self, service: object, seconds: float) -> None:
        service.is_down = True  # type: ignore[attr-defined]
        self.world.after(seconds, lambda: setattr(service, "is_down", False))

    def _do_postgres_loses(self, a: int, b: int, x: float) -> None:
        self._loses(self.postgres.service, x)

    def _do_kafka_loses(self, a: int, b: int, x: float) -> None:
        self._loses(self.kafka.service, x)

    def _loses(self, service: object, x: float) -> None:
        service.loses, service.refuses = 0.2 * x, 0.1 * x  # type: ignore[attr-defined]
        self.world.after(1.0 + x * 10.0, lambda: self._is_well(service))

    def _is_well(self, service: object) -> None:
        service.loses = service.refuses = 0.0  # type: ignore[attr-defined]

    def _do_clock(self, a: int, b: int, x: float) -> None:
        """Postgres' clock is set anew."""
        self.postgres.clock = (x - 0.5) * 4.0

    def _do_storm(self, a: int, b: int, x: float) -> None:
        names = sorted(STORMS)
        weather = STORMS[names[(a * 10 + b) % len(names)]]
        self.world.note("storm", names[(a * 10 + b) % len(names)])
        self.twilio.weather = weather
        self.world.after(1.0 + x * 20.0, lambda: self._clears_up(weather))

    def _clears_up(self, weather: object) -> None:
        if self.twilio.weather is weather:
            self.twilio.weather = CALM

    def _do_agent(self, a: int, b: int, x: float) -> None:
        mood = self.elevenlabs.mood = ("slow", "down", "refuses", "refuses us")[b % 4]
        self.world.after(1.0 + x * 20.0, lambda: self._is_calm(mood))

    def _is_calm(self, mood: str) -> None:
        if self.elevenlabs.mood == mood:
            self.elevenlabs.mood = "calm"

    # The end.

    def _heal(self) -> None:
        """All is well again, and stays so."""
        self.world.note("healed")
        self.is_healed = True
        self.twilio.weather, self.elevenlabs.mood = CALM, "calm"
        for service in (self.postgres.service, self.kafka.service):
            service.is_down, service.loses, service.refuses = False, 0.0, 0.0
        for process in self.world.processes:
            process.cut_off.clear()
        self.wanted = max(self.wanted, 1)
        for slot in range(self.wanted):
            self._restart(slot)

    def outcome(self) -> Outcome:
        world = self.world
        lines, violations = tuple(world.lines), tuple(world.violations)
        return Outcome(
            self.seed, world.hash(), len(self.moves), world.now, world.steps, world.counts, violations, lines
        )

    def bury(self) -> None:
        """Let go of what never ends."""
        self.world.is_over = True
        self.world.processes.clear()
        self.world.graves.clear()
        self.workers.clear()

    def _is_at_rest(self) -> bool:
        return not self._unrest()

    def _unrest(self) -> list[str]:
        """Return what is still to be done."""
        tables, found = self.postgres.tables, list[str]()
        for place, log in self.kafka.log.items():
            behind = len(log) - self.kafka.group.committed.get(place, 0)
            if place.topic in _TAKEN_UP and behind:
                found.append(f"{place.topic}/{place.partition} is {behind} behind")
        found += [f"{phone} is open: {row['state']}" for phone, row in sorted(tables.actors.items()) if row["is_open"]]
        for partition, sequence in tables.sequences:
            if sequence > tables.publication.get(partition, 0):
                found.append(f"{partition}/{sequence} is not published")
        found += [f"{key} waits at the door" for key, waiting in self.door.waiting.items() if waiting]
        return found


_TAKEN_UP = ("call-completed", "inbound-message", "message-status", "conversation-command")


def play(seed: int, moves: Sequence[Move] | None = None, count: int = 200) -> Outcome:
    """Play a seed's history, or another one with its chance."""
    moves = drawn(seed, count) if moves is None else moves
    random.seed(seed)  # what libraries draw for their backoffs
    with _without_collection():
        universe = Universe(seed, moves)
        _listen(universe.world)
        try:
            universe.play()
        except Exception as error:  # noqa: BLE001 - told with the seed, like a promise that was broken
            universe.world.violated(f"raised: {error!r}")
        outcome = universe.outcome()
        universe.bury()
        del universe
    return outcome


def _listen(world: World) -> None:
    """What the product itself calls an error that nobody foresaw is one."""

    def heard(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        world.counts[f"logged: {event['event']}"] += 1
        if event["event"] == "an effect failed" and not world.is_over:
            world.violated(f"an effect failed: {event['effect']}: {sys.exc_info()[1]!r}")
        raise structlog.DropEvent

    structlog.configure(processors=[heard], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@contextmanager
def _without_collection() -> Iterator[None]:
    """What a dead process held must not run in the middle of a history: it is collected, silently, when that is over."""
    _freeze()
    gc.disable()
    try:
        yield
    finally:
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # coroutines that never began
            gc.collect()
        sys.unraisablehook = hook
        gc.enable()


@cache
def _freeze() -> None:
    """What is there before the first history need not be looked at again."""
    gc.collect()
    gc.freeze()
