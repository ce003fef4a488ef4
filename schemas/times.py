"""Points in time as people write them on the command line and in addresses. Pure."""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import InvalidInput

_AGE = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Kafka's and Unix' times begin there; a margin before the end of what Python can count.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


def iso_time(
    field: str, text: str, why: str = "must be an ISO 8601 time, such as 2025-10-28T10:34:34Z"
) -> datetime:
    """Read an ISO 8601 time, without zone as UTC; aware, UTC. An unescaped `+` of its zone came as a space.

    Raises:
        InvalidInput: it is none, or in no year of ours; `why` says how to write it.
    """
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(field, why) from error
    return _bounded(at, field, why)

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times of events lie between these: what Python, Postgres and JavaScript count alike, in every time zone."""


def is_countable(at: datetime) -> bool:
    """Return whether an aware time can be an event's."""
    try:
        return EARLIEST <= at <= LATEST
    except OverflowError:  # its offset from UTC leads out of all years
        return False


def point_in_time(field: str, text: str, now: datetime) -> datetime:
    """Read an ISO 8601 time (without zone: UTC) or an age before `now`: `90s`, `30m`, `1h`, `2d`; aware, UTC.

    Raises:
        InvalidInput: neither, or in no year of ours.
    """
    text = text.strip()
    why = f"{text[:40]!r} is no time; write 2025-10-28T10:34:34Z, or an age such as 1h"
    if age := _AGE.match(text):
        try:
            return _bounded(now - timedelta(**{_UNITS[age[2]]: int(age[1])}), field, why)
        except OverflowError as error:
            raise InvalidInput(field, why) from error
    return iso_time(field, text, why)


def _bounded(at: datetime, field: str, why: str) -> datetime:
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise InvalidInput(field, why)
    return at
