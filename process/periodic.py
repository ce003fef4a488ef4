"""Periodic work, for as long as a process lives."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from schemas.errors import ServiceError

log = structlog.get_logger()


async def every(
    seconds: float,
    work: Callable[[], Awaitable[object]],
    *,
    at_once: bool = False,
    forgive: tuple[type[Exception], ...] = (),
    problem: str = "periodic work failed",
) -> None:
    """Run work every `seconds` (from its end to its next start), until cancelled.

    `at_once`: the first run comes without a wait. `forgive`: errors after which the next run may succeed;
    they are logged as `problem`, a constant sentence. Any other error ends the loop, and with it the process.
    """
    if not at_once:
        await asyncio.sleep(seconds)
    while True:
        try:
            await work()
        except forgive as error:
            log.warning(problem, why=_why(error))
        await asyncio.sleep(seconds)


def _why(error: Exception) -> str:
    """Return what to log: our own errors say what to do; a library's words may quote what it was given."""
    return str(error) if isinstance(error, ServiceError) else type(error).__name__
