"""Retries what Postgres did not answer, as long as it takes: every statement of the store can be repeated."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from db.failures import is_postgres_away
from db.pool import LOST_CONNECTION, Pool

log = structlog.get_logger()
T = TypeVar("T")

# From "connection cut, try the next" to "Postgres is restarting"; below the 10 s until an outage must show.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0

# A standby: the connection outlived a failover.
_AWAY = (*LOST_CONNECTION, asyncpg.ReadOnlySQLTransactionError)


async def retry(pool: Pool, work: Callable[[], Awaitable[T]]) -> T:
    """Retry work until Postgres answers. Cancelling ends it; so does closing the pool.

    Once a connection was lost, nobody knows whether the work was done: from then on whatever passes is
    retried, because only an answer tells. (A deadlock, if raised, would be taken for "nothing was written".)

    Raises:
        asyncpg.PostgresError: Postgres refuses it.
        ValueError: an argument cannot be sent.
    """

    def may_retry(error: BaseException) -> bool:
        return (is_away(error) or (is_unknown and is_postgres_away(error))) and not pool.is_closing()

    is_unknown = False
    try:
        return await work()
    except _AWAY as error:  # tenacity's objects cost 27 µs; nearly always nothing fails
        if not may_retry(error):
            raise
        is_unknown = True
        _say(error)

    async def attempt() -> T:  # tenacity awaits only what is declared async
        return await work()

    waits = wait_exponential_jitter(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)
    attempts = AsyncRetrying(
        retry=retry_if_exception(may_retry), wait=waits, before_sleep=_sleeps, reraise=True
    )
    return await attempts(attempt)


def is_away(error: BaseException) -> bool:
    """Return whether Postgres did not answer. (asyncpg's argument error is an `InterfaceError`, too.)"""
    return isinstance(error, _AWAY) and not isinstance(error, ValueError)


def _sleeps(attempt: RetryCallState) -> None:
    if attempt.outcome is not None and (error := attempt.outcome.exception()) is not None:
        _say(error)


def _say(error: BaseException) -> None:
    log.warning("Postgres does not answer the store, which tries again", why=type(error).__name__)
