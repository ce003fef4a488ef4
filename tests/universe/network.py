"""Requests between a process and a service: slow, refused, or broken off before or after their effect."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from tests.universe.world import Process, World

T = TypeVar("T")
# A request in a data centre; now and then one is slow.
_QUICK, _SLOW, _SLOW_SHARE = 0.004, 0.4, 0.04
# When everything is slower, those get slower by this factor at most.
_SLOWEST = 5.0
# The longest that a statement abandoned by its client waits for a lock or lies in a buffer.
_LONGEST_LATE = 12.0
# How long a connection to nowhere hangs before its client gives up.
_HANGS = 3.0


class Service(Generic[T]):
    """Something that answers requests.

    Attributes:
        is_down: Nobody answers.
        loses: Share of requests whose answer is lost.
        refuses: Share of requests that are never executed.
        late: Share of requests that are executed when nobody waits for them any more.
        slowness: Factor of their duration.
    """

    def __init__(
        self, world: World, name: str, refused: Callable[[], Exception], broken: Callable[[], Exception]
    ) -> None:
        self.world, self.name = world, name
        self.refused, self.broken = refused, broken
        self.is_down = False
        self.loses = self.refuses = self.late = 0.0
        self.slowness = 1.0

    def gets_well(self) -> None:
        self.loses = self.refuses = self.late = 0.0

    def latency(self) -> float:
        chance = self.world.random
        quick = chance.random() * _QUICK * self.slowness
        if chance.random() > _SLOW_SHARE:
            return quick
        return quick + chance.random() * _SLOW * min(self.slowness, _SLOWEST)

    async def call(self, process: Process, what: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Request something. It is done even if nobody waits for the answer any more."""
        answer: asyncio.Future[Any] = process.loop.create_future()
        world, chance = self.world, self.world.random

        def settle(error: Exception | None, value: object = None) -> None:
            if process.is_alive and not answer.done():
                if error is not None:
                    answer.set_exception(error)
                else:
                    answer.set_result(value)

        def fail(error: Exception, effect: str) -> None:
            world.note("fault", self.name, what, process.name, effect)
            world.counts[f"fault: {self.name} {effect}"] += 1
            wait = self.latency() if chance.random() < 0.7 else _HANGS * chance.random()
            world.after(wait, lambda: settle(error))

        def arrive() -> None:
            if self.is_away(process, what) or chance.random() < self.refuses:
                fail(self.refused() if chance.random() < 0.5 else self.broken(), "not done")
                return
            if self.late and chance.random() < self.late:
                world.after(_LONGEST_LATE * chance.random() ** 2, lambda: self._do_unheard(do))
                fail(self.broken(), "done late")
                return
            try:
                value, error = do(), None
            except Exception as raised:  # noqa: BLE001 - the service's answer
                value, error = None, raised
            if chance.random() < self.loses:
                fail(self.broken(), "done, answer lost")
                return
            world.after(self.latency(), lambda: answered(error, value))

        def answered(error: Exception | None, value: object) -> None:
            process.answered(what)
            if self.is_away(process, what):
                fail(self.broken(), "done, answer lost")
            else:
                settle(error, value)

        world.after(self.latency(), arrive)
        return await answer

    def is_away(self, process: Process, what: str) -> bool:
        """Return whether a process cannot reach it: all of it, or the part that does this."""
        return (
            self.is_down
            or self.name in process.cut_off
            or (bool(process.cut_off) and what in process.cut_off)
        )

    def _do_unheard(self, do: Callable[[], Any]) -> None:
        with suppress(Exception):  # nobody hears of it
            do()
