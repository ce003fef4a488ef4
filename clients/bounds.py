"""A bound on waiting that holds even when what is waited for cannot be cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# The event loop keeps only weak references to tasks, and abandoned ones still have to clean up.
_given_up: set[asyncio.Task[Any]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result, or stop waiting for it.

    `asyncio.timeout` waits until the cancelled work has cleaned up, and giving a connection back to asyncpg's
    pool waits for a frozen Postgres forever. Here the work cleans up in the background.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _give_up(task)
        raise
    if not done:
        _give_up(task)
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()


def _give_up(task: asyncio.Task[Any]) -> None:
    _given_up.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio would report it as never retrieved: nobody waits for it
