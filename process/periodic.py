"""Work that is done again and again as long as a process lives."""

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
    """Run work each `seconds` (from its end to its next begin), until cancelled.

    `at_once`: the first time comes without a wait. `forgive`: errors after which the next time may succeed; they are
    logged as `problem`, a constant sentence. Any other error ends the loop, and with it the process.
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
    """Our own errors say what to do; a library's words may quote what it was given."""
    return str(error) if isinstance(error, ServiceError) else type(error).__name__
