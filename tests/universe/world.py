"""Virtual time for several simulated processes, each with its own event loop, and what lies between them.

One step is one callback of one loop, so that a process can die or freeze between any two of them. One number
decides which loop is next, how long everything takes and what goes wrong.
"""

import asyncio
import hashlib
import heapq
import itertools
import math
import random
from asyncio import Handle, TimerHandle, events
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Bogotá."""
_KEPT_LINES = 40_000
# What adding and subtracting the time that a machine slept may cost in precision.
_ROUNDING = 1e-9
# How long a callback takes; some code waits for time to pass without asking when.
_STEP_SECONDS = 2e-6


class Loop(asyncio.BaseEventLoop):
    """A process's event loop; `step` runs one callback.

    Most of a seed's cost is the cost of callbacks, so asyncio's checks for misuse are left out.

    Attributes:
        slept: Seconds that its clock missed.
        timers: By when they are due, those of one moment in the order in which they were set.
        is_held: Its process is frozen or dead.
    """

    _ready: deque[Handle]

    def __init__(self, world: "World", process: "Process") -> None:
        super().__init__()
        self._world, self.process = world, process
        self.slept = 0.0
        self.is_held = False
        self.timers: list[tuple[float, int, TimerHandle]] = []
        self._timer_ids = itertools.count()
        self.set_exception_handler(world.unhandled)  # for what asyncio reports; see `step` for callbacks

    def __del__(self, _warn: object = None) -> None:
        """Do nothing: a loop that is dropped is a process that was killed."""

    def time(self) -> float:
        return self._world.now - self.slept

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Context | None = None,
    ) -> Handle:
        handle, ready = Handle(callback, args, self, context), self._ready
        if not ready and not self.is_held:
            self._world.awake.append(self)
        ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Context | None = None,
    ) -> TimerHandle:
        return self.call_at(self._world.now - self.slept + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Context | None = None,
    ) -> TimerHandle:
        timer, world = TimerHandle(when, callback, args, self, context), self._world
        heapq.heappush(self.timers, (when, next(self._timer_ids), timer))
        world.wakes_at = min(world.wakes_at, when + self.slept)
        return timer

    def look(self, now: float) -> float:
        """Make ready what is due by its own clock; return when the next timer is due, in the world's time."""
        timers, due = self.timers, now - self.slept + _ROUNDING
        while timers and (timers[0][0] <= due or timers[0][2]._cancelled):
            timer = heapq.heappop(timers)[2]
            if not timer._cancelled:
                self._ready.append(timer)
        return timers[0][0] + self.slept if timers else math.inf

    def step(self) -> None:
        ready = self._ready
        handle = ready.popleft()
        if not ready:
            self._world.awake.remove(self)
        if not handle._cancelled:
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - as asyncio does
                message = f"Exception in callback {handle._callback!r}"
                self._world.unhandled(self, {"message": message, "exception": error, "handle": handle})


class Process:
    """A simulated process.

    Attributes:
        dies_in: Steps until it is killed; None: it is not to be.
        frozen_until: It runs nothing before.
    """

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.loop = Loop(world, self)
        self.is_alive = True
        self.dies_in: int | None = None
        self.frozen_until = self._asleep_until = 0.0
        self.cut_off: set[str] = set()
        """Services that it cannot reach."""
        self.died: Callable[[], None] = lambda: None
        self.is_draining = False
        self.strikes: dict[str, Callable[[], None]] = {}
        """What happens to it at its next answer of a kind."""
        world.processes.append(self)
        world.look_again()

    def kill(self) -> None:
        """Kill it like `kill -9`: not another line of it runs."""
        if self.is_alive:
            self.is_alive, self.loop.is_held = False, True
            self.world.note("killed", self.name)
            self.world.look_again()
            self.world.processes.remove(self)
            self.world.graves.append(self)
            self.died()

    def answered(self, what: str) -> None:
        """Note that an answer has come and nothing was done about it yet: a good moment for a fault."""
        for wanted in self.strikes if self.strikes else ():
            if all(word in what.split() for word in wanted.split()):
                self.world.note("struck", self.name, what)
                self.strikes.pop(wanted)()
                return

    def freeze(self, seconds: float, *, is_asleep: bool) -> None:
        """Freeze it like SIGSTOP; with `is_asleep`, like a machine's suspend, which stops its clock.

        One that is frozen already stays so for as long as either lasts; its clock never goes back.
        """
        now, until = self.world.now, self.world.now + seconds
        if is_asleep:
            self.loop.slept += max(0.0, until - max(now, self._asleep_until))
            self._asleep_until = max(until, self._asleep_until)
        self.frozen_until = max(until, self.frozen_until)
        self.world.look_again()
        self.world.note("frozen", self.name, f"{seconds:.3f}", is_asleep)

    @property
    def is_frozen(self) -> bool:
        return self.frozen_until > self.world.now

    def start(self, main: Any) -> None:  # noqa: ANN401 - a coroutine
        with self.world.inside(self.loop):
            self.loop.create_task(main).add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        """Make sure that nothing a process raises goes unheard."""
        if not self.world.is_over and not task.cancelled() and (error := task.exception()) is not None:
            self.world.violated(f"{self.name} raised {error!r}")


class World:
    """The processes, what lies between them, and their time.

    With `note`, everything that happens goes into the trace, whose hash is the same for the same seed.

    Attributes:
        awake: Loops that have something to run.
        wakes_at: Before then, no other loop has anything to run, and nobody frozen wakes up.
    """

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
        self.awake: list[Loop] = []
        self.wakes_at = -math.inf

    # What may be asked of it.

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._ids), do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._ids), do))

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
        """Note that a callback raised.

        A task whose error nobody asked for reports it only when it is collected, which may be any time.
        """
        if not self.is_over and "handle" in context:
            self.violated(f"unhandled: {context.get('message')} {context.get('exception')!r}")

    # Running it.

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        heap, pop, awake = self._heap, heapq.heappop, self.awake
        while self.now <= until:
            while heap and heap[0][0] <= self.now:
                pop(heap)[2]()
            if self.wakes_at <= self.now + 2 * _ROUNDING:
                self._look()
            if awake:
                self._step()
            else:
                self.now = self._next_at(until)
        self._enter(None)

    def look_again(self) -> None:
        """Note that something has changed about who runs."""
        self.wakes_at = -math.inf

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
        """Make a loop the running one until it is another's turn: switching costs as much as a callback."""
        if self._running is not loop:
            self._running = loop
            events._set_running_loop(loop)

    def _look(self) -> None:
        """Find out who has something to run, and when anybody else will."""
        now, wakes_at = self.now, math.inf
        self.awake.clear()
        for process in self.processes:
            loop = process.loop
            loop.is_held = process.frozen_until > now
            if loop.is_held:
                wakes_at = min(wakes_at, process.frozen_until)
                continue
            wakes_at = min(wakes_at, loop.look(now))
            if loop._ready:
                self.awake.append(loop)
        self.wakes_at = wakes_at

    def _step(self) -> None:
        """Run one callback of one of the processes that have any."""
        awake = self.awake
        if len(awake) == 1:
            loop = awake[0]
        else:
            loop = self.random.choice([each.loop for each in self.processes if each.loop in awake])
        self.steps += 1
        self.now += _STEP_SECONDS
        self._enter(loop)
        loop.step()
        process = loop.process
        if process.dies_in is not None:
            process.dies_in -= 1
            if process.dies_in < 0:
                process.kill()

    def _next_at(self, until: float) -> float:
        """Return when the next thing happens; if nothing does, the end of the given time."""
        told = self._heap[0][0] if self._heap else math.inf
        if min(told, self.wakes_at) > until:
            self._look()  # what was cancelled does not count
        when = min(told, self.wakes_at)
        return until + _STEP_SECONDS if when == math.inf else max(self.now, when)
