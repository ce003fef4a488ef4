"""Points in time as people write them on the command line and in URLs."""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import InvalidInput

_AGE = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def point_in_time(field: str, text: str, now: datetime) -> datetime:
    """Read an ISO 8601 time (without zone: UTC) or an age before `now` such as `90s`, `30m`, `1h`, `2d`; aware, UTC.

    Raises:
        InvalidInput: neither, or outside what can be counted.
    """
    text = text.strip()
    try:
        if age := _AGE.match(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(field, f"{text!r} is no time; write 2025-10-28T10:34:34Z, or an age such as 1h") from error
