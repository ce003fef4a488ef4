"""Whole numbers and times as people and programs write them: on the command line, in URLs, in forms. Pure."""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import InvalidInput

LARGEST_ID = 2**31 - 1
"""Row ids are SERIAL."""
LARGEST_POSITION = 2**63 - 1
"""Positions of events and commands are BIGINT."""
# ASCII only, and no leading zeros: a padded number was assembled from something other than a number.
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
_AGE = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Kafka's and Unix's times begin in 1970; the last year leaves a margin before the end of Python's range.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


def whole(field: str, text: str, least: int = 0, most: int = LARGEST_ID) -> int:
    """Read a whole number within bounds.

    Raises:
        InvalidInput: it is not a whole number, or out of bounds.
    """
    number = int(text) if _WHOLE.fullmatch(text) else -1
    if not least <= number <= most:
        raise InvalidInput(field, f"must be a whole number from {least} to {most}, such as {max(least, 1)}")
    return number


def is_whole(text: str) -> bool:
    """Return whether a whole number was meant; `whole` tells whether it is usable."""
    return text.isdecimal()


def iso_time(
    field: str, text: str, why: str = "must be an ISO 8601 time, such as 2025-10-28T10:34:34Z"
) -> datetime:
    """Read an ISO 8601 time (without zone: UTC) as aware UTC. An unescaped `+` may have become a space.

    Raises:
        InvalidInput: it is not one, or its year is out of range; `why` says how to write it.
    """
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(field, why) from error
    return _bounded(at, field, why)


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Event times lie between these, which Python, Postgres and JavaScript count alike in every time zone."""


def is_countable(at: datetime) -> bool:
    """Return whether an aware time can be an event's time."""
    try:
        return EARLIEST <= at <= LATEST
    except OverflowError:  # its offset from UTC takes it beyond the years that exist
        return False


def point_in_time(field: str, text: str, now: datetime) -> datetime:
    """Read an ISO 8601 time (without zone: UTC), or an age before `now` (90s, 30m, 1h, 2d); aware, UTC.

    Raises:
        InvalidInput: it is neither, or its year is out of range.
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
