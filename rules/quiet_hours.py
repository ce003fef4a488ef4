"""Quiet hours: first messages wait while it is night where the client is. Answers never wait. Pure.

The time zone is the number's (phonenumbers' data); a number that may be in several is spared in each of them.
"""

import re
from datetime import datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone

from rules.state import Conversation
from schemas.errors import ConfigurationError
from schemas.phone import is_number
from schemas.settings import Settings
from schemas.window import is_open

_FORMAT = re.compile(r"^(\d{2}:\d{2})-(\d{2}:\d{2})$")
_UNKNOWN_ZONE = "Etc/Unknown"


class QuietHours:
    """Hours between two times of day, across midnight or not."""

    def __init__(self, begin: time, end: time, otherwise: ZoneInfo) -> None:
        """`otherwise`: the zone for numbers whose own is not known."""
        self._begin = begin
        self._end = end
        self._otherwise = otherwise

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Read QUIET_HOURS; None if there are none.

        Raises:
            ConfigurationError: not written as 21:00-08:00.
        """
        if settings.quiet_hours is None:
            return None
        begin, end = _hours(settings.quiet_hours)
        return cls(begin, end, ZoneInfo(settings.stats_timezone))

    def wait_seconds(self, number: str, now: datetime) -> float:
        """Return how long a first message to a number waits from `now` (aware); 0 outside quiet hours."""
        return max(self._wait(now.astimezone(zone)) for zone in self._zones(number))

    def _wait(self, local: datetime) -> float:
        at = local.time()
        over_midnight = self._begin > self._end
        inside = (at >= self._begin or at < self._end) if over_midnight else self._begin <= at < self._end
        if not inside:
            return 0.0
        end = local.replace(hour=self._end.hour, minute=self._end.minute, second=0, microsecond=0)
        if end <= local:
            end += timedelta(days=1)  # the same wall time on the next day, whatever the clocks do in between
        return max(0.0, end.timestamp() - local.timestamp())

    def _zones(self, number: str) -> list[ZoneInfo]:
        try:
            names = timezone.time_zones_for_number(phonenumbers.parse(number, None))
            return [ZoneInfo(name) for name in names if name != _UNKNOWN_ZONE] or [self._otherwise]
        except (phonenumbers.NumberParseException, ZoneInfoNotFoundError):
            return [self._otherwise]


def _hours(text: str) -> tuple[time, time]:
    wrong = ConfigurationError("QUIET_HOURS: write them as 21:00-08:00, the client's own time")
    match = _FORMAT.match(text.replace(" ", ""))
    if match is None:
        raise wrong
    try:
        begin, end = time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError as error:
        raise wrong from error
    if begin == end:
        raise wrong
    return begin, end


def until(state: Conversation, now: datetime, quiet: QuietHours | None) -> datetime | None:
    """Return until when a first message is spared; None if it may go. Whoever wrote lately is awake."""
    if quiet is None or is_open(state.last_inbound_at, now):
        return None
    seconds = quiet.wait_seconds(_number_of(state), now)
    return now + timedelta(seconds=seconds) if seconds else None


def _number_of(state: Conversation) -> str:
    """Return the number that is written to, or another known one of the person: an id has no time zone."""
    keys = (state.address.removeprefix("whatsapp:"), state.key, *(link.key for link in state.links))
    return next((key for key in keys if is_number(key)), state.key)
