"""How templates show things: times in the reader's zone and language, durations, ticks, masked numbers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jinja2
from babel.dates import format_date, format_skeleton

from schemas.account_codes import agent_problem, verdict_of
from schemas.phone import masked

_TICKS: Mapping[str, str] = {
    "accepted": "clock",
    "scheduled": "clock",
    "queued": "clock",
    "sending": "clock",
    "sent": "one",
    "delivered": "two",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}
_MINUTE = 60
_HOUR = 3600


class Filters:
    """The templates' filters. `zone`: that of the statistics' days and of the operators' clock.

    `masked_numbers`: numbers show only their ends until somebody opens their conversation.
    """

    def __init__(self, zone: ZoneInfo, *, masked_numbers: bool) -> None:
        self._zone = zone
        self._masked_numbers = masked_numbers

    def install(self, environment: jinja2.Environment) -> None:
        """Make the filters known to the templates."""
        environment.filters |= {
            "when": self.when,
            "day_and_time": self.day_and_time,
            "iso": iso,
            "duration": duration,
            "tick": tick,
            "number": self.number,
            "link": self.link,
            "segment": segment,
            "pretty": pretty,
            "seconds": seconds_in_words,
            "code_in_words": code_in_words,
            "what_to_do": what_to_do,
            "agent_in_words": agent_in_words,
            "agent_to_do": agent_to_do,
        }

    def number(self, number: str | None) -> str:
        """Return a number as lists show it."""
        return (masked(number) if self._masked_numbers else number) if number else "—"

    def link(self, number: str, conversation_id: int | None) -> str:
        """Return a conversation's address; if numbers are masked, it does not contain one."""
        if self._masked_numbers and conversation_id is not None:
            return f"/ops/open/{conversation_id}"
        return f"/ops/conversations/{segment(number)}"

    @jinja2.pass_context
    def when(self, context: jinja2.runtime.Context, moment: datetime | str | None) -> str:
        """Return hours, minutes and seconds: `10:34:35`."""
        local = self._local(moment)
        return format_skeleton("Hms", local, locale=context["language"]) if local else "—"

    @jinja2.pass_context
    def day_and_time(self, context: jinja2.runtime.Context, moment: datetime | str | None) -> str:
        """Return day and time: `28 oct 2025, 10:34`."""
        local, language = self._local(moment), context["language"]
        return (
            f"{format_date(local, locale=language)}, {format_skeleton('Hm', local, locale=language)}"
            if local
            else "—"
        )

    def _local(self, moment: datetime | str | None) -> datetime | None:
        found = parsed(moment)
        return found.astimezone(self._zone) if found else None


def parsed(moment: datetime | str | None) -> datetime | None:
    """Read a database's time: without a zone it is UTC."""
    if moment is None:
        return None
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def iso(moment: datetime | str | None) -> str:
    """Format a time for the `datetime` attribute."""
    found = parsed(moment)
    return found.isoformat() if found else ""


def duration(begin: datetime | str | None, end: datetime | str | None) -> str:
    """Return the time from one moment to another: `1.2 s`, `3 min`, or nothing if one is missing."""
    first, last = parsed(begin), parsed(end)
    return seconds_in_words((last - first).total_seconds()) if first and last else ""


def seconds_in_words(seconds: float | None) -> str:
    """Return `0.3 s`, `45 s`, `3 min`, `2.5 h`."""
    if seconds is None:
        return "—"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


def segment(text: str) -> str:
    """Return a text as one part of a path: ids of others may have a slash."""
    return quote(text, safe="")


def tick(status: str | None) -> str:
    """Return which tick stands for a message's status: clock, one, two, read or failed."""
    return _TICKS.get(status or "accepted", "clock")


def code_in_words(code: str, language: str, vendor: str = "twilio") -> str:
    """Return what one of a vendor's codes means."""
    return verdict_of(vendor, code).reason(language)


def agent_in_words(code: str | None, language: str) -> str:
    """Return why an agent gave no answer."""
    return agent_problem(code).reason(language)


def agent_to_do(code: str | None, language: str) -> str:
    """Return what somebody must do about that."""
    return agent_problem(code).remedy(language)


def what_to_do(code: str, language: str, vendor: str = "twilio") -> str:
    """Return what somebody must do about a code; empty if there is nothing."""
    return verdict_of(vendor, code).remedy(language)


def pretty(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)
