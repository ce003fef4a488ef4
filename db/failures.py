"""Whether a failure of Postgres is its own, and passes, or is due to what it was given. Pure."""

import asyncpg
from asyncpg import InvalidCatalogNameError as InvalidCatalogNameError
from asyncpg import PostgresError as PostgresError
from asyncpg import UndefinedTableError as UndefinedTableError

from db.pool import LOST_CONNECTION

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
)
"""Errors of connecting while Postgres is away."""
MISCONFIGURED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    # A session setting in the URL that this Postgres does not have, or not with this value.
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    ValueError,  # how asyncpg reports a URL that cannot be read
)
"""Errors of connecting where DATABASE_URL cannot be right."""

# Classes of SQLSTATE that no value of an event can cause: Postgres is starting or stopping, is a standby,
# has no room or no right for us. Conflicts of transactions pass as well.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58", "F0"})
_NO_RIGHT = asyncpg.InsufficientPrivilegeError
# Caused by a value: out of range, not of its type, against a constraint, too large, too deep.
_OF_A_VALUE = frozenset({"21", "22", "23", "54"})


def is_postgres_away(error: BaseException | None) -> bool:
    """Return whether the same statement may succeed later, whatever it was given.

    asyncpg also raises an `InterfaceError` for an argument that it cannot encode, which is a ValueError, too.
    """
    if isinstance(error, ValueError):
        return False
    return isinstance(error, (*LOST_CONNECTION, _NO_RIGHT)) or _state_class(error) in _PASSING


def is_postgres_refusal(error: BaseException | None) -> bool:
    """Return whether Postgres, or asyncpg, refuses a value that a statement was given."""
    is_encoding = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return is_encoding or _state_class(error) in _OF_A_VALUE


def _state_class(error: BaseException | None) -> str:
    state = getattr(error, "sqlstate", None) if isinstance(error, asyncpg.PostgresError) else None
    return str(state or "")[:2]
