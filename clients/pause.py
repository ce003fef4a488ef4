"""A pause of an account, workspace or sender: since when, until when, and who tests if it is over. Pure.

A vendor says that it refuses us altogether, never for how long. So one message tries again after a
while. Its outcome is known at once if the vendor refused the request itself, and by a delivery report if
it took the request first.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

# Whoever tried and has not been heard of for long may still report; a day's pause has some hundreds.
_REMEMBERED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a pause's tries are due."""

    #: Wait before the first try; after it, a `share` of the pause's age, up to `longest`.
    first: timedelta
    longest: timedelta
    share: float
    #: A try's outcome is known within this, or another one tries.
    verdict: timedelta

    def wait(self, age: timedelta) -> timedelta:
        """Return the wait before the next try, given the pause's age."""
        return min(self.longest, max(self.first, age * self.share))


ACCOUNT: Final = Schedule(
    first=timedelta(seconds=5), longest=timedelta(minutes=1), share=0.1, verdict=timedelta(seconds=10)
)
"""For pauses in which everybody waits.

The pause ends within seconds of a short problem's end, such as that of a key exchange. After ten minutes a
person is at work on it, and a try a minute, which costs a failed message, is enough.
"""

FIRST_MESSAGES: Final = Schedule(
    first=timedelta(minutes=1), longest=timedelta(hours=1), share=1.0, verdict=timedelta(seconds=15)
)
"""For pauses in which nobody waits for an answer.

A rate limit passes within a minute. A tier's limit frees places as people of 24 hours ago leave it; the wait
doubles each time, which makes some thirty tries a day.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause and its tries."""

    #: The vendor's.
    code: str
    since: datetime
    #: When the next message tries.
    until: datetime
    #: Only a report tells whether the pause is over.
    by_report: bool = False
    #: Who tried last.
    tried: tuple[str, ...] = ()

    @classmethod
    def begun(cls, code: str, now: datetime, schedule: Schedule, *, by_report: bool) -> "Pause":
        return cls(code=code, since=now, until=now + schedule.first, by_report=by_report)

    def may_try(self, now: datetime) -> bool:
        return now >= self.until

    def tried_by(self, who: str, now: datetime, schedule: Schedule) -> "Pause":
        """Let one through; another one tries if nothing is heard of this one."""
        return replace(self, tried=(*self.tried[1 - _REMEMBERED :], who), until=now + schedule.verdict)

    def refused_again(
        self, who: str, code: str, now: datetime, schedule: Schedule, *, by_report: bool
    ) -> "Pause":
        """Put the next try off if `who` was trying; what was under way before the pause says nothing new."""
        if who not in self.tried:
            return self
        until = now + schedule.wait(now - self.since)
        return replace(self, code=code, until=until, by_report=by_report, tried=())

    def is_ended_by(self, who: str, *, by_report: bool) -> bool:
        """Return whether a message that got through ends the pause."""
        return who in self.tried and (by_report or not self.by_report)
