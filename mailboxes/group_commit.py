"""Items that arrive together share one call: group commit for writes, and the same for loads."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from itertools import islice
from typing import Generic, TypeVar, cast

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")
Append = Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]]


class GroupCommit(Generic[Item, Result]):
    """`await group.submit(item)` returns its result, or raises what it alone causes."""

    def __init__(
        self, append: Append[Item, Result], max_group: int, max_wait: float = 0.0, at_once: int = 1
    ) -> None:
        self._append, self._max_group, self._max_wait = append, max_group, max_wait  # seconds, if patient
        self._linger = max_wait * at_once / max_group  # a group costs the same whatever its size
        self._waiting: dict[Item, asyncio.Future[Result]] = {}
        self._slots = asyncio.Semaphore(at_once)  # groups; meanwhile the next one gathers
        self._timer: tuple[float, asyncio.Handle] | None = None  # uvloop's handles do not tell when
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, item: Item, patient: bool = False) -> asyncio.Future[Result]:
        """Put an item into the next group; one that already waits is at most hurried."""
        loop = asyncio.get_running_loop()
        result = self._waiting.get(item) or self._waiting.setdefault(item, loop.create_future())
        wait = self._max_wait if patient and len(self._waiting) < self._max_group else 0.0
        if self._timer is None or loop.time() + wait < self._timer[0]:
            if self._timer is not None:
                self._timer[1].cancel()
            self._timer = loop.time() + wait, loop.call_later(wait, self._start)
        return result

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Take a group only when `append` is called: until then items may change, and more may join."""
        async with self._slots:
            self._timer = None
            items = list(islice(self._waiting, self._max_group))
            group = [(item, result) for item in items if not (result := self._waiting.pop(item)).done()]
            if self._waiting:
                self._start()
            if group:
                await self._settle(group)
            if len(self._waiting) < self._max_group:
                await asyncio.sleep(self._linger * (len(group) - 1))

    async def _settle(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        """Settle a group; one that fails is halved until what fails alone is found."""
        try:
            outcomes = list(zip(group, await self._append([item for item, _ in group]), strict=True))
        except Exception as error:  # noqa: BLE001 - raised by whom it concerns
            if len(group) > 1:
                await self._settle(group[: len(group) // 2])
                await self._settle(group[len(group) // 2 :])
                return
            outcomes = [(group[0], error)]
        for (_, result), outcome in outcomes:
            if isinstance(outcome, Exception) and not result.done():
                result.set_exception(outcome)
            elif not result.done():
                result.set_result(cast(Result, outcome))
