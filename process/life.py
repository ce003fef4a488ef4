"""A Faust app's life inside our own loop: until a signal, or until something of it dies."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any

import structlog

from process.side_tasks import SideTasks
from process.signals import stop_event

log = structlog.get_logger()

# Over the time to drain: what must still be published and committed after it.
_AFTER_DRAIN_SECONDS = 2.0
# An app that was still starting has nothing to drain.
_STARTING_SECONDS = 2.0
# Flushing what a live broker takes, or a last rollback, takes milliseconds. With two parts that do not answer the whole
# stays within the time to drain and 5 s.
_CLOSE_SECONDS = 0.9
# For closing the parts after an app that did not stop.
_LAST_SECONDS = 2 * _CLOSE_SECONDS


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
    """Run the app until a signal; a dead side task or a crashed app stops the process, for a supervisor to restart.

    `drain_seconds`: how long the app may take to finish what it has.

    Raises:
        ConfigurationError: a side task's, once the app has stopped.
    """
    started = asyncio.Event()
    tasks = SideTasks(stop_event(), [_live(app, started), *(_after(started, task) for task in side_tasks)])
    await tasks.wait()
    code = await tasks.end(_CLOSE_SECONDS)  # an app that starts may not heed it
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
    """Side tasks may ask the app's consumer, which is there once the app has started."""
    try:
        await started.wait()
    except asyncio.CancelledError:
        side_task.close()
        raise
    await side_task


async def _stop(app: Any, code: int, seconds: float) -> None:  # noqa: ANN401 - faust is untyped
    """Stop the app; where it waits for a broker that is away, and cannot be cancelled, the process ends without it."""
    stopping = asyncio.create_task(app.stop(), name="stop")
    done, _ = await asyncio.wait({stopping}, timeout=seconds)
    if done:
        stopping.result()
        return
    log.warning("app did not stop in time; what is unacknowledged is done by the next owner")
    last = threading.Timer(_LAST_SECONDS, os._exit, (code,))
    last.daemon = True
    last.start()
