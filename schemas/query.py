"""Whole numbers and times as people and programs write them: on the command line, in addresses, in forms. Pure."""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import InvalidInput

LARGEST_ID = 2**31 - 1
"""Ids of rows are SERIAL."""
LARGEST_POSITION = 2**63 - 1
"""Positions of events and commands are BIGINT."""
# ASCII alone, and no leading zeros: what is padded was put together from something else than a number.
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
_AGE = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Kafka's and Unix' times begin there; a margin before the end of what Python can count.
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


def whole(field: str, text: str, least: int = 0, most: int = LARGEST_ID) -> int:
    """Read a whole number within bounds.

    Raises:
        InvalidInput: it is none, or not within them.
    """
    number = int(text) if _WHOLE.fullmatch(text) else -1
    if not least <= number <= most:
        raise InvalidInput(field, f"must be a whole number from {least} to {most}, such as {max(least, 1)}")
    return number


def is_whole(text: str) -> bool:
    """Return whether somebody meant a whole number; whether it is of use, `whole` tells."""
    return text.isdecimal()


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
