"""Virtual time for several simulated processes, each with an event loop of its own, and what lies between them.

One step is one callback of one loop, so that a process can die or freeze between any two of them. Which loop is next, how
long everything takes and what goes wrong is drawn from one number.
"""

import asyncio
import hashlib
import heapq
import itertools
import random
from asyncio import events
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Bogotá."""
_KEPT_LINES = 40_000
# What adding and taking away the time that a machine slept may cost.
_ROUNDING = 1e-9
# What a callback takes; some code waits for time to pass without asking when.
_STEP_SECONDS = 2e-6


class Loop(asyncio.BaseEventLoop):
    """A process's event loop: `step` runs one callback. `slept`: seconds that its clock missed."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        self.slept = 0.0
        self.set_exception_handler(world.unhandled)

    def __del__(self, _warn: object = None) -> None:
        """A loop that is dropped is a process that was killed."""

    def time(self) -> float:
        return self._world.now - self.slept

    def is_ready(self) -> bool:
        """Move what is due, and tell whether there is anything to run."""
        timers, now = self._scheduled, self.time() + _ROUNDING  # type: ignore[attr-defined]
        while timers and (timers[0]._cancelled or timers[0]._when <= now):
            handle = heapq.heappop(timers)
            handle._scheduled = False
            if not handle._cancelled:
                self._ready.append(handle)  # type: ignore[attr-defined]
        return bool(self._ready)  # type: ignore[attr-defined]

    def next_at(self) -> float | None:
        """Return when there is something to run, in the world's time."""
        timers = self._scheduled  # type: ignore[attr-defined]
        return timers[0]._when + self.slept if timers else None

    def step(self) -> None:
        handle = self._ready.popleft()  # type: ignore[attr-defined]
        if not handle._cancelled:
            handle._run()


class Process:
    """`dies_in`: steps until it is killed, None: it is not to be; `frozen_until`: runs nothing before."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.loop = Loop(world)
        self.is_alive = True
        self.dies_in: int | None = None
        self.frozen_until = 0.0
        self.cut_off: set[str] = set()
        """Services that it cannot reach."""
        self.died: Callable[[], None] = lambda: None
        self.is_draining = False
        self.strikes: dict[str, Callable[[], None]] = {}
        """What happens to it when it is answered something next."""
        world.processes.append(self)

    def kill(self) -> None:
        """As `kill -9` does: not another line of it runs."""
        if self.is_alive:
            self.is_alive = False
            self.world.note("killed", self.name)
            self.world.processes.remove(self)
            self.world.graves.append(self)
            self.died()

    def answered(self, what: str) -> None:
        """An answer has come, and nothing was done about it yet: a good moment for a fault."""
        for wanted in self.strikes if self.strikes else ():
            if all(word in what.split() for word in wanted.split()):
                self.world.note("struck", self.name, what)
                self.strikes.pop(wanted)()
                return

    def freeze(self, seconds: float, *, is_asleep: bool) -> None:
        """As SIGSTOP does; `is_asleep`: as a machine's suspend, which stops its clock."""
        self.frozen_until = self.world.now + seconds
        self.loop.slept += seconds if is_asleep else 0.0
        self.world.note("frozen", self.name, f"{seconds:.3f}", is_asleep)

    @property
    def is_frozen(self) -> bool:
        return self.frozen_until > self.world.now

    def start(self, main: Any) -> None:  # noqa: ANN401 - a coroutine
        with self.world.inside(self.loop):
            self.loop.create_task(main).add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        """Nothing of a process raises unheard."""
        if not self.world.is_over and not task.cancelled() and (error := task.exception()) is not None:
            self.world.violated(f"{self.name} raised {error!r}")


class World:
    """`note`: everything that happens goes into the trace, whose hash is the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.processes: list[Process] = []
        self.graves: list[Process] = []
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.steps = 0
        self._hash = hashlib.sha256()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        self.is_over = False
        self._running: Loop | None = None

    # What may be asked of it.

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._ids), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now + seconds, do)

    def datetime(self, offset: float = 0.0) -> datetime:
        return START + timedelta(seconds=self.now + offset)

    def new_id(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def note(self, what: str, *details: object) -> None:
        line = " ".join([f"{self.now:.6f}", what, *map(str, details)])
        self._hash.update(line.encode() + b"\n")
        self.lines.append(line)
        self.counts[what] += 1

    def violated(self, promise: str) -> None:
        self.note("VIOLATED", promise)
        self.violations.append(promise)

    def hash(self) -> str:
        return self._hash.hexdigest()[:16]

    def unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback raised. (A task whose error nobody asked for says so when it is collected, which is any time.)"""
        if not self.is_over and "handle" in context:
            self.violated(f"unhandled: {context.get('message')} {context.get('exception')!r}")

    # Running it.

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        heap, pop = self._heap, heapq.heappop
        while self.now <= until:
            while heap and heap[0][0] <= self.now:
                pop(heap)[2]()
            if self._step():
                continue
            when = self._next_at()
            self.now = until + _STEP_SECONDS if when is None else max(self.now, when)
        self._enter(None)

    @contextmanager
    def inside(self, loop: Loop) -> Iterator[None]:
        """Run something as a callback of a loop would."""
        former = self._running
        self._enter(loop)
        try:
            yield
        finally:
            self._enter(former)

    def _enter(self, loop: Loop | None) -> None:
        """Make a loop the running one. It stays so until another one's turn: that costs as much as a callback."""
        if self._running is not loop:
            self._running = loop
            events._set_running_loop(loop)

    def _step(self) -> bool:
        """Run one callback of one of the processes that have any."""
        now = self.now
        ready = []
        for each in self.processes:
            if each.frozen_until <= now:
                loop = each.loop
                timers = loop._scheduled  # type: ignore[attr-defined]
                is_due = timers and (timers[0]._when <= now - loop.slept + _ROUNDING or timers[0]._cancelled)
                if loop.is_ready() if is_due else loop._ready:  # type: ignore[attr-defined]
                    ready.append(each)
        if not ready:
            return False
        process = ready[0] if len(ready) == 1 else self.random.choice(ready)
        self.steps += 1
        self.now = now + _STEP_SECONDS
        self._enter(process.loop)
        process.loop.step()
        if process.dies_in is not None:
            process.dies_in -= 1
            if process.dies_in < 0:
                process.kill()
        return True

    def _next_at(self) -> float | None:
        times = [self._heap[0][0]] if self._heap else []
        for each in self.processes:
            if each.frozen_until > self.now:
                times.append(each.frozen_until)
            elif (at := each.loop.next_at()) is not None:
                times.append(at)
        return min(times, default=None)
