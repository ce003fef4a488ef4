"""A universe from a seed: workers on simulated services, and everything that may happen to them."""

import gc
import logging
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import asyncpg
import structlog
from pydantic_core import from_json

from clients import bounds
from clients.kafka.producer import partition_of
from rules.policy import Policy
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    CONVERSATION_EVENT,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
)
from tests.support.chat import paragraphs
from tests.universe.backfill import KAFKA_OF
from tests.universe.builds import fence
from tests.universe.door import Door
from tests.universe.group import Group
from tests.universe.judge import held, judge
from tests.universe.kafka import Kafka
from tests.universe.moves import Move, drawn
from tests.universe.network import Service
from tests.universe.people import People, Person
from tests.universe.place import Setting
from tests.universe.postgres import Postgres, Way
from tests.universe.replays import TOPICS, replay
from tests.universe.stats_worker import StatsWorker
from tests.universe.vendors import CALM, LONGEST_LIST_LAG, STORMS, Backend, ElevenLabs, Twilio, Weather
from tests.universe.web import Web
from tests.universe.worker import Services, Worker
from tests.universe.world import Process, World

_SLICE_SECONDS = 5.0
_LONGEST_REST = 4_000.0
# Lets one that has just woken up or got its partitions finish what it does: a drain takes 10 s at most.
_CALM_SECONDS = 15.0
_MOMENT_SECONDS = 0.5
_MOST_WORKERS = 3
# While one of the first two is away, nobody gets as far as the others.
_AWAY_FOR_LONG = ("postgres", "kafka", *["twilio"] * 4, *["elevenlabs"] * 4)
_WEBS = _STATS = 2
# How many of ten process faults are the workers'.
_WORKERS_FAULTS = 8
_RESTART = (0.3, 3.0)
# The longest that a deploy waits before it goes on with the next worker.
_BETWEEN_WORKERS = 8.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a history."""

    seed: int
    #: Of everything that happened.
    hash: str
    moves: int
    seconds: float
    steps: int
    counts: Counter[str]
    #: Promises that did not hold.
    violations: tuple[str, ...]
    lines: tuple[str, ...]


class Universe:
    def __init__(self, seed: int, moves: Sequence[Move]) -> None:
        self.seed, self.moves = seed, moves
        world = self.world = World(seed)
        setting = self.setting = Setting.of(seed, list(STORMS))
        world.note("setting", setting.partitions, setting.numbers, *setting.answers, *setting.storms)
        self.kafka, self.postgres = Kafka(world, setting.partitions), Postgres(world)
        self.webs: dict[int, Web] = {}
        self.blind = set[str]()
        """Keys with something accepted when nobody knew whether something earlier waited in the spool."""
        self.stats: dict[int, StatsWorker] = {}
        self.stats_group = Group(world, "stats", setting.partitions)
        self.door = Door(
            world, self.kafka, lambda: [web for _, web in sorted(self.webs.items()) if web.handlers]
        )
        self.people = People(world, self.door, setting.partitions, setting.numbers)
        self.twilio, self.elevenlabs = Twilio(world, self.people.report), ElevenLabs(world)
        self.twilio.written = self.people.written
        self.backend = Backend(world)
        self.policy = Policy.of(setting.settings, paragraphs)
        self.services = Services(
            world=world,
            settings=setting.settings,
            policy=self.policy,
            kafka=self.kafka,
            postgres=self.postgres,
            twilio=self.twilio,
            elevenlabs=self.elevenlabs,
            backend=self.backend,
        )
        self.workers: dict[int, Worker] = {}
        self.wanted = 2
        self.build = 0
        self._born = Counter[tuple[str, int]]()
        self.is_healed = False

    def play(self) -> None:
        for slot in range(_WEBS):
            self._serve(slot)
        for slot in range(_STATS):
            self._count(slot)
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
        calm_since = self.world.now
        while self.world.now < calm_since + _CALM_SECONDS:
            self.world.run(self.world.now + _SLICE_SECONDS)
            if self.kafka.group.is_joining or any(process.is_frozen for process in self.world.processes):
                calm_since = self.world.now  # also by a strike that was armed long ago
        # Old rows keep expiring. What a worker was told of just now is in no table yet; what hangs is judged.
        ended_by = self.world.now + _CALM_SECONDS
        while self.world.now < begun + _LONGEST_REST and (
            not self._is_at_rest() or (self.world.now < ended_by and held(self))
        ):
            self.world.run(self.world.now + _MOMENT_SECONDS)
        judge(self)

    def partition_of(self, key: str) -> int:
        return partition_of(key, self.setting.partitions)

    # Workers.

    def _start(self, slot: int) -> None:
        process = self._process_of("w", slot)
        worker = self.workers[slot] = Worker(self.services, process, self.build)
        process.died = lambda: self._died(slot, worker)
        self.world.note("starts", process.name, self.build)
        process.start(worker.main())

    def _died(self, slot: int, worker: Worker) -> None:
        if self.workers.get(slot) is worker:
            del self.workers[slot]
            low, high = _RESTART
            self.world.after(low + self.world.random.random() * (high - low), lambda: self._restart(slot))

    def _restart(self, slot: int) -> None:
        if slot < self.wanted and slot not in self.workers:
            self._start(slot)

    def _serve(self, slot: int) -> None:
        """Start a web process."""
        process = self._process_of("web", slot)
        web = self.webs[slot] = Web(
            self.services.settings, self.kafka, self.postgres, self.twilio, process, self.blind.add
        )
        process.died = lambda: self._serves_no_more(slot, process)
        process.start(web.main())

    def _serves_no_more(self, slot: int, process: Process) -> None:
        del self.webs[slot]
        self.door.died(process)
        self.world.after(_RESTART[0] + self.world.random.random(), lambda: self._serve(slot))

    def _count(self, slot: int) -> None:
        """Start a statistics process."""
        process = self._process_of("stats", slot)
        worker = self.stats[slot] = StatsWorker(self.services, self.stats_group, process)
        process.died = lambda: self._counts_no_more(slot)
        process.start(worker.main())

    def _counts_no_more(self, slot: int) -> None:
        del self.stats[slot]
        self.world.after(_RESTART[0] + self.world.random.random(), lambda: self._count(slot))

    def _process_of(self, kind: str, slot: int) -> Process:
        self._born[kind, slot] += 1
        return Process(self.world, f"{kind}{slot}.{self._born[kind, slot]}")

    def _process(self, a: int, b: int) -> Process | None:
        """Return a worker's process or another kind's."""
        others = (self.webs, self.stats)[a % 2]
        running = [
            each.process for _, each in sorted((self.workers if b < _WORKERS_FAULTS else others).items())
        ]
        return running[a % len(running)] if running else None

    # Moves.

    def _move(self, move: Move) -> None:
        self.world.note("move", move.name, move.a, move.b, move.x)
        getattr(self, f"_do_{move.name}")(move.a, move.b, move.x)

    def _do_write(self, a: int, b: int, x: float) -> None:
        self.people.write(a)

    def _do_burst(self, a: int, b: int, x: float) -> None:
        self.people.burst(a, 2 + b % 6, 0.03 + x)

    def _do_crowd(self, a: int, b: int, x: float) -> None:
        self.people.crowd(x)

    def _do_say(self, a: int, b: int, x: float) -> None:
        self.people.say(a, b)

    def _do_call(self, a: int, b: int, x: float) -> None:
        self.people.call(a, b)

    def _do_command(self, a: int, b: int, x: float) -> None:
        self.people.command(a, b)

    def _do_repeat(self, a: int, b: int, x: float) -> None:
        self.people.repeat(a)

    def _do_replay(self, a: int, b: int, x: float) -> None:
        """Have an operator replay a topic; the command may be killed meanwhile."""
        process = self._process_of("replay", a)
        process.start(
            replay(self.services, process, TOPICS[b % len(TOPICS)], self._born["replay", a] * 10 + a)
        )

    def _do_contradict(self, a: int, b: int, x: float) -> None:
        """Have a message show an id that is known to be another number's."""
        joined = [each for each in self.people.persons if self._is_joined(each)]
        if joined:
            self.people.contradict(a, joined[b % len(joined)])

    def _is_joined(self, person: Person) -> bool:
        actor = self.postgres.tables.actors.get(person.user_id or "")
        merged_into = None if actor is None else from_json(actor["state"]).get("merged_into")
        return merged_into is not None and merged_into == person.number

    def _do_poison(self, a: int, b: int, x: float) -> None:
        self.people.poison(a)

    def _do_erase(self, a: int, b: int, x: float) -> None:
        if b < 5:
            self.people.erase(a)

    def _do_kill(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a, b)) is not None:
            process.kill()

    def _do_die_at_step(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a, b)) is not None:
            process.dies_in = int(x * 400)

    def _do_freeze(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a, b)) is not None:
            process.freeze(0.5 + x * (25.0 if b > 3 else 3.0), is_asleep=False)

    def _do_sleep(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a, b)) is not None:
            process.freeze(0.5 + x * 30.0, is_asleep=True)

    def _do_strike(self, a: int, b: int, x: float) -> None:
        """Have a process die or freeze at the moment it is answered."""
        if (process := self._process(a, b)) is not None:
            answers, steps, seconds = self.setting.answers, a, 2.0 + 26.0 * x

            def dies() -> None:
                process.dies_in = steps

            strike = dies if a % 2 else (lambda: process.freeze(seconds, is_asleep=False))
            process.strikes[answers[b % len(answers)]] = strike

    def _do_terminate(self, a: int, b: int, x: float) -> None:
        running = [worker for _, worker in sorted(self.workers.items()) if worker.stopping is not None]
        if running:
            worker = running[a % len(running)]
            assert worker.stopping is not None
            worker.process.loop.call_soon(worker.stopping.set)

    def _do_deploy(self, a: int, b: int, x: float) -> None:
        """Have another build replace the former, process by process; an upgrade fences the former first."""
        self.build += 1
        if b % 2:
            process = self._process_of("upgrade", self.build)
            process.start(fence(Way(self.postgres, process), process, self.setting.partitions))
        former = [each.process for each in (*self.webs.values(), *self.stats.values())]
        for place, process in enumerate(former):
            self.world.after(place * x, process.kill)
        for place, (_, worker) in enumerate(sorted(self.workers.items())):
            self.world.after(
                place * _BETWEEN_WORKERS * x,
                lambda worker=worker: self._ends(worker),  # type: ignore[misc]
            )

    def _ends(self, worker: Worker) -> None:
        """Stop a worker in an orderly way, as far as it has begun."""
        if worker.stopping is None:
            worker.process.kill()
        elif worker.process.is_alive:
            worker.process.loop.call_soon(worker.stopping.set)

    def _do_scale(self, a: int, b: int, x: float) -> None:
        self.wanted = 1 + b % _MOST_WORKERS
        for slot in range(_MOST_WORKERS):
            if (
                slot >= self.wanted
                and (worker := self.workers.get(slot)) is not None
                and worker.stopping is not None
            ):
                worker.process.loop.call_soon(worker.stopping.set)
            else:
                self._restart(slot)

    def _do_rebalance(self, a: int, b: int, x: float) -> None:
        self.kafka.force_rebalance()

    def _do_cut_off(self, a: int, b: int, x: float) -> None:
        if (process := self._process(a, b)) is not None:
            service = ("postgres", "kafka", "twilio", "elevenlabs")[b % 4]
            process.cut_off.add(service)
            self.world.note("cut off", process.name, service)
            self.world.after(0.2 + x * 12.0, lambda: process.cut_off.discard(service))

    def _do_cut_off_topic(self, a: int, b: int, x: float) -> None:
        """Cut a process off from the broker that leads a topic's partitions; others still reach it."""
        if (process := self._process(a, b)) is not None:
            topic = _TAKEN_UP[b % len(_TAKEN_UP)]
            ways = {f"fetch {topic}", f"ends {topic}"}
            process.cut_off |= ways
            self.world.note("cut off", process.name, topic)
            self.world.after(1.0 + x * 40.0, lambda: process.cut_off.difference_update(ways))

    def _do_postgres_away(self, a: int, b: int, x: float) -> None:
        self._away(self.postgres.service, 0.1 + x * 8.0)

    def _do_kafka_away(self, a: int, b: int, x: float) -> None:
        self._away(self.kafka.service, 0.1 + x * 8.0)

    def _do_outage(self, a: int, b: int, x: float) -> None:
        """Take one of the services away for a long time."""
        seconds = 20.0 + x * 60.0
        who = _AWAY_FOR_LONG[b % len(_AWAY_FOR_LONG)]
        self.world.note("outage", who, f"{seconds:.1f}")
        if who == "twilio":
            self._turns(STORMS["down"], seconds)
        elif who == "elevenlabs":
            self._feels("down", seconds)
        else:
            self._away(self.postgres.service if who == "postgres" else self.kafka.service, seconds)

    def _away(self, service: Service[Any], seconds: float) -> None:
        service.is_down = True
        self.world.after(seconds, lambda: setattr(service, "is_down", False))

    def _do_postgres_loses(self, a: int, b: int, x: float) -> None:
        self.postgres.service.late = 0.2 * x if b % 2 else 0.0
        self._loses(self.postgres.service, x)

    def _do_kafka_loses(self, a: int, b: int, x: float) -> None:
        self._loses(self.kafka.service, x)

    def _loses(self, service: Service[Any], x: float) -> None:
        service.loses, service.refuses = 0.2 * x, 0.1 * x
        self.world.after(1.0 + x * 10.0, service.gets_well)

    def _do_postgres_slow(self, a: int, b: int, x: float) -> None:
        self._slow(self.postgres.service, b, x)

    def _do_kafka_slow(self, a: int, b: int, x: float) -> None:
        self._slow(self.kafka.service, b, x)

    def _slow(self, service: Service[Any], b: int, x: float) -> None:
        service.slowness = 10.0 + 20.0 * b
        self.world.after(1.0 + x * 10.0, lambda: setattr(service, "slowness", 1.0))

    def _do_postgres_clashes(self, a: int, b: int, x: float) -> None:
        """Have groups of writes collide with others' locks, or the disk run full."""
        chance = self.world.random

        def clash(size: int) -> Exception | None:
            if b % 3 == 0:
                return asyncpg.DiskFullError("no space left on device") if chance.random() < x else None
            return (
                asyncpg.DeadlockDetectedError("deadlock")
                if size > 1 and chance.random() < 0.5 + x / 2
                else None
            )

        self.postgres.clashes = clash
        self.world.after(0.5 + x * 8.0, lambda: setattr(self.postgres, "clashes", _nothing_clashes))

    def _do_clock(self, a: int, b: int, x: float) -> None:
        """Set Postgres' clock anew."""
        self.postgres.clock = (x - 0.5) * 4.0

    def _do_storm(self, a: int, b: int, x: float) -> None:
        name = self.setting.storms[b % len(self.setting.storms)]
        self.world.note("storm", name)
        self._turns(STORMS[name], 1.0 + x * 30.0)

    def _turns(self, weather: Weather, seconds: float) -> None:
        self.twilio.turns(weather)
        self.world.after(seconds, lambda: self.twilio.turns(CALM) if self.twilio.weather is weather else None)

    def _do_list_lags(self, a: int, b: int, x: float) -> None:
        self.twilio.lag(x * LONGEST_LIST_LAG)

    def _do_agent(self, a: int, b: int, x: float) -> None:
        self._feels(("slow", "down", "refuses", "refuses us")[b % 4], 1.0 + x * 20.0)

    def _feels(self, mood: str, seconds: float) -> None:
        self.elevenlabs.turns(mood)
        self.world.after(
            seconds, lambda: self.elevenlabs.turns("calm") if self.elevenlabs.mood == mood else None
        )

    # The end.

    def _heal(self) -> None:
        """Make everything well again, for good."""
        self.world.note("healed")
        self.is_healed = True
        self.twilio.turns(CALM)
        self.elevenlabs.turns("calm")
        self.postgres.clashes = _nothing_clashes
        for service in (self.postgres.service, self.kafka.service):
            service.is_down, service.slowness = False, 1.0
            service.gets_well()
        for process in self.world.processes:
            process.cut_off.clear()
        # They do little, so it might be long until they die.
        for other in (*self.webs.values(), *self.stats.values()):
            other.process.dies_in = None
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
        for processes in (self.workers, self.webs, self.stats):
            processes.clear()  # type: ignore[attr-defined]
        bounds._given_up.clear()
        KAFKA_OF.clear()

    def _is_at_rest(self) -> bool:
        return not self._unrest()

    def _unrest(self) -> list[str]:
        """Return what is still to be done."""
        tables, found = self.postgres.tables, list[str]()
        for place, log in self.kafka.log.items():
            behind = len(log) - self.kafka.group.committed.get(place, 0)
            if place.topic == CONVERSATION_EVENT:
                behind = len(log) - self.stats_group.committed.get(place, 0)
            if place.topic in _TAKEN_UP and behind:
                found.append(f"{place.topic}/{place.partition} is {behind} behind")
        found += [
            f"{phone} is open: {row['state']}"
            for phone, row in sorted(tables.actors.items())
            if row["is_open"]
        ]
        for partition, sequence in tables.sequences:
            if sequence > tables.publication.get(partition, 0):
                found.append(f"{partition}/{sequence} is not published")
        found += [f"{post.name} waits at the door" for post in self.door.waiting]
        for worker in self.stats.values():
            if worker.process.is_frozen or worker.records is None or not worker.records.complete:
                found.append(f"{worker.process.name} does not have its records")
        found += [
            f"{sid} waits in Twilio's list"
            for sid in self.door.given_up
            if ("message", sid) not in tables.seen
        ]
        found += [f"{row['topic']} waits in the spool" for row in tables.spool.values()]
        return found


_NOBODY_FORESAW = (
    "an effect failed",
    "what was missed cannot be fetched",
    "Twilio's list could not be compared",
)
"""Logged as an error only if the code has a hole."""


def _nothing_clashes(size: int) -> None:
    """Have Postgres accept what it is given."""


_TAKEN_UP = (CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS, CONVERSATION_COMMAND, CONVERSATION_EVENT)


def play(
    seed: int,
    moves: Sequence[Move] | None = None,
    count: int = 200,
    watch: Callable[["Universe"], None] = lambda universe: None,
) -> Outcome:
    """Play a seed's history, or another one with the seed's randomness."""
    moves = drawn(seed, count) if moves is None else moves
    random.seed(seed)  # for what libraries draw for their backoffs
    with _without_collection():
        universe = Universe(seed, moves)
        with _listening(universe.world):
            watch(universe)
            try:
                universe.play()
            except Exception as error:  # noqa: BLE001 - reported with the seed, like a broken promise
                universe.world.violated(f"raised: {error!r}")
        outcome = universe.outcome()
        universe.bury()
        del universe
    return outcome


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Report what the product itself logs as an unforeseen error.

    Nothing may hold the world for longer than this: its coroutines must not be left for the end of the
    interpreter, which they crash.
    """

    def heard(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        world.counts[f"logged: {event['event']}"] += 1
        if event["event"] in _NOBODY_FORESAW and not world.is_over:
            world.violated(f"{event['event']}: {event.get('effect', '')}: {sys.exc_info()[1]!r}")
        raise structlog.DropEvent

    with _logging_to(heard):
        yield


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep what dead processes held from running within a history: it is collected silently afterwards."""
    _freeze()
    gc.disable()
    try:
        yield
    finally:
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        with warnings.catch_warnings(), _logging_to(_unheard):
            warnings.simplefilter("ignore")  # coroutines that never began
            gc.collect()
        sys.unraisablehook = hook
        gc.enable()


def _unheard(*_: object) -> NoReturn:
    raise structlog.DropEvent


@contextmanager
def _logging_to(processor: Callable[..., NoReturn]) -> Iterator[None]:
    former = structlog.get_config()
    structlog.configure(
        processors=[processor], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    try:
        yield
    finally:
        structlog.configure(**former)


@cache
def _freeze() -> None:
    """Exempt what exists before the first history from being looked at again."""
    gc.collect()
    gc.freeze()
