"""Tasks that a process lives by: one that ends takes the process with it, so that it starts anew and nothing limps."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

from schemas.errors import ConfigurationError

log = structlog.get_logger()


class SideTasks:
    """Begins its tasks at once. `stop`: set when the process is asked to end.

    `misconfigured`: what a task has found that no new start would mend; to be raised when all is closed.
    """

    def __init__(self, stop: asyncio.Event, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._stop = stop
        self.misconfigured: ConfigurationError | None = None
        self._asked = asyncio.create_task(stop.wait(), name="signal")
        self._tasks = {asyncio.create_task(each, name=getattr(each, "__qualname__", "side task")) for each in work}

    async def wait(self) -> None:
        """Wait until the process is asked to end, or a task has ended."""
        await asyncio.wait({self._asked, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)

    async def end(self, seconds: float | None = None) -> int:
        """Cancel what runs and return the process's exit code; one that does not end within `seconds` is left alone."""
        code = 0 if self._stop.is_set() else 1
        for task in (self._asked, *self._tasks):
            task.cancel()
        ended, _ = await asyncio.wait({self._asked, *self._tasks}, timeout=seconds)
        for task in ended - {self._asked}:
            if task.cancelled() or not (error := task.exception()):
                continue
            if isinstance(error, ConfigurationError):
                self.misconfigured = error
            else:
                log.error("side task failed", task=task.get_name(), exc_info=error)
        return code
