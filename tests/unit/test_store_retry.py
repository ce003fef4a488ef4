"""What Postgres did not answer is repeated until it answers; an error in between is no answer."""

from typing import Any

import asyncpg
import pytest

from db.store.retry import retry


class _Pool:
    def is_closing(self) -> bool:
        return False


def _after(*errors: Exception) -> Any:  # noqa: ANN401
    """Return work that raises these, one after the other, and is done then."""
    left = list(errors)

    async def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


async def test_what_passes_is_waited_for_once_an_outcome_is_unknown() -> None:
    pool: Any = _Pool()
    error = asyncpg.DeadlockDetectedError("deadlock")
    lost = asyncpg.ConnectionDoesNotExistError("cut off")
    assert await retry(pool, _after(lost, error, lost)) == "done"
    with pytest.raises(asyncpg.DeadlockDetectedError):  # nothing was done: whoever asked decides
        await retry(pool, _after(error))


async def test_what_is_refused_for_good_is_raised() -> None:
    pool: Any = _Pool()
    with pytest.raises(asyncpg.UniqueViolationError):
        await retry(
            pool,
            _after(asyncpg.ConnectionDoesNotExistError("cut off"), asyncpg.UniqueViolationError("twice")),
        )
