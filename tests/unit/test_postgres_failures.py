"""Which Postgres failures pass by themselves, and which are the fault of what it was given."""

import asyncpg
import pytest
from asyncpg.exceptions import _base

from db.failures import is_postgres_away, is_postgres_refusal

_AWAY = [
    OSError(),
    TimeoutError(),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.CannotConnectNowError(),
    asyncpg.AdminShutdownError(),
    asyncpg.DiskFullError(),
    asyncpg.TooManyConnectionsError(),
    asyncpg.ReadOnlySQLTransactionError(),
    asyncpg.DeadlockDetectedError(),
    asyncpg.LockNotAvailableError(),
    asyncpg.InvalidPasswordError(),
    asyncpg.InsufficientPrivilegeError(),
    asyncpg.InvalidCatalogNameError(),
]
_REFUSED = [
    asyncpg.NumericValueOutOfRangeError(),
    asyncpg.UntranslatableCharacterError(),
    asyncpg.InvalidTextRepresentationError(),
    asyncpg.DatetimeFieldOverflowError(),
    asyncpg.StringDataRightTruncationError(),
    asyncpg.NotNullViolationError(),
    asyncpg.StatementTooComplexError(),
    _base.DataError("invalid input for query argument $1"),
]
_NEITHER = [asyncpg.UndefinedFunctionError(), asyncpg.RaiseError(), ValueError(), KeyError("x"), None]


@pytest.mark.parametrize("error", _AWAY, ids=repr)
def test_what_passes(error: Exception) -> None:
    assert (is_postgres_away(error), is_postgres_refusal(error)) == (True, False)


@pytest.mark.parametrize("error", _REFUSED, ids=repr)
def test_what_a_value_causes(error: Exception) -> None:
    assert (is_postgres_away(error), is_postgres_refusal(error)) == (False, True)


@pytest.mark.parametrize("error", _NEITHER, ids=repr)
def test_what_is_neither(error: Exception | None) -> None:
    assert (is_postgres_away(error), is_postgres_refusal(error)) == (False, False)
