"""A pause of an account, a workspace or a sender: since when, until when, and who tries whether it is over. Pure.

A vendor says that it refuses us all, never for how long. So one message tries again after a while; what it comes to is
known at once where the vendor refused the request itself, and by a delivery report where it took it first.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

# Whoever tried and was not heard of for long may still tell; a pause of a day has some hundreds.
_REMEMBERED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`first`: before the first try; then a `share` of the pause's age, up to `longest`; `verdict`: what a try comes to
    is known within this, else another one tries.
    """

    first: timedelta
    longest: timedelta
    share: float
    verdict: timedelta

    def wait(self, age: timedelta) -> timedelta:
        """Return the wait before the next try of a pause that is so old."""
        return min(self.longest, max(self.first, age * self.share))


ACCOUNT: Final = Schedule(
    first=timedelta(seconds=5), longest=timedelta(minutes=1), share=0.1, verdict=timedelta(seconds=10)
)
"""Everybody waits. A short trouble, a key that is being exchanged, is over within seconds of its end; after ten minutes
a person is at work on it, and a try a minute, which costs a message that fails, is enough."""

FIRST_MESSAGES: Final = Schedule(
    first=timedelta(minutes=1), longest=timedelta(hours=1), share=1.0, verdict=timedelta(seconds=15)
)
"""Nobody waits for an answer. A limit of the rate passes within a minute; a tier's frees places as people of 24 hours
ago leave it: doubled each time, some thirty tries a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`code`: the vendor's; `until`: when the next message tries; `by_report`: only a report tells whether it is over;
    `tried`: who has tried last.
    """

    code: str
    since: datetime
    until: datetime
    by_report: bool = False
    tried: tuple[str, ...] = ()

    @classmethod
    def begun(cls, code: str, now: datetime, schedule: Schedule, *, by_report: bool) -> "Pause":
        return cls(code=code, since=now, until=now + schedule.first, by_report=by_report)

    def may_try(self, now: datetime) -> bool:
        return now >= self.until

    def tried_by(self, who: str, now: datetime, schedule: Schedule) -> "Pause":
        """Let one through; another one tries if nothing is heard of it."""
        return replace(self, tried=(*self.tried[1 - _REMEMBERED :], who), until=now + schedule.verdict)

    def refused_again(self, who: str, code: str, now: datetime, schedule: Schedule, *, by_report: bool) -> "Pause":
        """What was under way when the pause began says nothing new; one that has tried puts the next try off."""
        if who not in self.tried:
            return self
        until = now + schedule.wait(now - self.since)
        return replace(self, code=code, until=until, by_report=by_report, tried=())

    def is_ended_by(self, who: str, *, by_report: bool) -> bool:
        """Return whether one that got through ends it."""
        return who in self.tried and (by_report or not self.by_report)
