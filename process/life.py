"""A Faust app's life inside our own loop: until a signal, or until a part of it dies."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import structlog

from schemas.errors import ConfigurationError

log = structlog.get_logger()

# On top of the time to drain, for what must still be published and committed after it.
_AFTER_DRAIN_SECONDS = 2.0
# An app that was still starting has nothing to drain.
_STARTING_SECONDS = 2.0
# Flushing to a live broker, or a last rollback, takes milliseconds. With two parts that do not answer, the
# whole stays within the time to drain plus 5 s.
_CLOSE_SECONDS = 0.9
# For closing the parts after an app that did not stop.
_LAST_SECONDS = 2 * _CLOSE_SECONDS
T = TypeVar("T")


class SideTasks:
    """Tasks that a process lives by, begun at once. `stop`: set when the process is asked to end.

    `misconfigured`: an error that no restart would mend, found by a task; to be raised once all is closed.
    """

    def __init__(self, stop: asyncio.Event, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._stop = stop
        self.misconfigured: ConfigurationError | None = None
        self._asked = asyncio.create_task(stop.wait(), name="signal")
        self._tasks = {
            asyncio.create_task(each, name=getattr(each, "__qualname__", "side task")) for each in work
        }

    async def wait(self) -> None:
        """Wait until the process is asked to end, or a task has ended."""
        await asyncio.wait({self._asked, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)

    async def end(self, seconds: float | None = None) -> int:
        """Cancel all tasks and return the exit code; one that does not end within `seconds` is left alone."""
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


def stop_event() -> asyncio.Event:
    """Return an event that the first signal sets; must be called inside a running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """Return the work's result, or None if the signal came first and the work was cancelled."""
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None


async def closed(what: str, closing: Coroutine[Any, Any, None], seconds: float = _CLOSE_SECONDS) -> None:
    """Close a part within a bound: one whose server is away must not keep the process from ending."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except TimeoutError:
        log.warning("part could not be closed in time", part=what)


async def until_stopped(
    app: Any,  # noqa: ANN401 - faust is untyped
    *side_tasks: Coroutine[Any, Any, None],
    drain_seconds: float,
) -> int:
    """Run the app until a signal; return the exit code.

    A dead side task or a crashed app stops the process too, for a supervisor to restart. `drain_seconds`: how
    long the app may take to finish what it has.

    Raises:
        ConfigurationError: a side task's, once the app has stopped.
    """
    started = asyncio.Event()
    tasks = SideTasks(stop_event(), [_live(app, started), *(_after(started, task) for task in side_tasks)])
    await tasks.wait()
    code = await tasks.end(_CLOSE_SECONDS)  # an app that is still starting may not heed it
    await _stop(app, code, drain_seconds + _AFTER_DRAIN_SECONDS if started.is_set() else _STARTING_SECONDS)
    if tasks.misconfigured is not None:
        raise tasks.misconfigured
    return code


async def _live(app: Any, started: asyncio.Event) -> None:  # noqa: ANN401 - faust is untyped
    """Start the app, which takes as long as its brokers do, and wait for its end."""
    app.finalize()
    await app.start()
    started.set()
    log.info("app started")
    await app.wait_until_stopped()


async def _after(started: asyncio.Event, side_task: Coroutine[Any, Any, None]) -> None:
    """Run a side task once the app has started: it may ask the app's consumer, which is there only then."""
    try:
        await started.wait()
    except asyncio.CancelledError:
        side_task.close()
        raise
    await side_task


async def _stop(app: Any, code: int, seconds: float) -> None:  # noqa: ANN401 - faust is untyped
    """Stop the app; if it waits for an absent broker and cannot be cancelled, the process ends without it."""
    stopping = asyncio.create_task(app.stop(), name="stop")
    done, _ = await asyncio.wait({stopping}, timeout=seconds)
    if done:
        stopping.result()
        return
    log.warning("app did not stop in time; what is unacknowledged is done by the next owner")
    last = threading.Timer(_LAST_SECONDS, os._exit, (code,))
    last.daemon = True
    last.start()
