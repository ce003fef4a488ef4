"""A loop whose clock jumps to the next timer when idle: no test waits, or races against a clock."""

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")


_FOREVER = 5_000.0


class Deadlock(Exception):
    """Nothing will ever happen again."""


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or self._loop.now > _FOREVER:
            raise Deadlock("everybody waits for somebody")
        self._loop.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        #: Called at the end.
        self.leaving: list[Callable[[], None]] = []
        #: What happened though it never must, even if whoever was told swallowed it.
        self.violations: list[str] = []
        #: Turns of the loop so far, so that a test can strike between any two.
        self.steps = 0
        self._alarms: dict[int, asyncio.Future[None]] = {}
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now

    def after_steps(self, steps: int) -> Awaitable[None]:
        """Wait for as many turns of the loop, or until nothing else is left to do."""
        return self._alarms.setdefault(self.steps + steps, self.create_future())

    def _run_once(self) -> None:
        self.steps += 1
        alarm = self._alarms.pop(self.steps, None)
        if alarm is not None and not alarm.done():
            alarm.set_result(None)
        super()._run_once()  # type: ignore[misc] - where the loop turns


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in virtual time; what it leaves running is cancelled."""

    async def play(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await test(*args, **kwargs)
        finally:
            for leave in virtual_loop().leaving:
                leave()
        assert not virtual_loop().violations, virtual_loop().violations

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(play(*args, **kwargs))

    return run


def virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def now() -> float:
    return virtual_loop().now


def check(holds: bool, promise: str) -> None:
    """Note a broken promise."""
    if not holds:
        virtual_loop().violations.append(promise)
