"""How our sender stands with the messenger: whether it is refused, and whether it may write to people first.

Learnt from what sends come to, at once or by a report. Each process learns by itself, and forgets when it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import structlog

from clients.account_gate import AccountGate, shown
from clients.pause import FIRST_MESSAGES, Pause

log = structlog.get_logger()

# A person who is written to first gets no second message so soon that it could be too many for that one; three of them
# in a row, and nobody reached between, are the sender's limit.
_SEVERAL = 3
# Thousands of first messages may wait: looked at again each half minute at first, each five minutes in the long run, so
# that they cost the database some dozens of rows a second at most.
_LEAST_HELD, _LONGEST_HELD, _HELD_SHARE = timedelta(seconds=30), timedelta(minutes=5), 0.5


class SenderStanding:
    """`account`: everybody waits there; `held_until` is for first messages, which must not keep others from their turn."""

    def __init__(self, vendor: str, now: Callable[[], datetime]) -> None:
        self.account = AccountGate(vendor, now)
        self._vendor = vendor
        self._now = now
        self._limited: tuple[frozenset[str], ...] = ()
        self._first: Pause | None = None
        self._user_ids: tuple[str, datetime] | None = None

    @property
    def takes_first_messages(self) -> bool:
        """Whether a first message may go out right now, without trying anything."""
        return self._first is None and self.account.pause is None

    def held_until(self, own_id: str) -> tuple[datetime, str] | None:
        """Return until when a first message is held, and the code; None where it goes, or tries."""
        now = self._now()
        if (pause := self.account.pause) is not None and not pause.may_try(now):
            return _look_again(pause, now), pause.code
        if self._first is None:
            return None
        if not self._first.may_try(now):
            return max(self._first.until, _look_again(self._first, now)), self._first.code
        self._first = self._first.tried_by(own_id, now, FIRST_MESSAGES)
        return None

    def refused(self, own_id: str, code: str, *, by_report: bool) -> None:
        """The messenger refuses our account or sender."""
        self.account.refused(own_id, code, by_report=by_report)

    def limited(self, own_id: str, person: frozenset[str], code: str) -> None:
        """WhatsApp takes no first message to this person now. `person`: the keys of their addresses, as far as known."""
        if self._first is not None:
            self._first = self._first.refused_again(own_id, code, self._now(), FIRST_MESSAGES, by_report=True)
            return
        self._limited = _with_person(self._limited, person)
        if len(self._limited) >= _SEVERAL:
            self._first = Pause.begun(code, self._now(), FIRST_MESSAGES, by_report=True)
            log.error("sender may write to nobody first, first messages wait", vendor=self._vendor, code=code)

    def went_through(self, own_id: str, *, is_first: bool, by_report: bool) -> None:
        """The messenger took a message; `by_report`: WhatsApp, too."""
        self.account.went_through(own_id, by_report=by_report)
        if not by_report:
            return
        if is_first:
            self._limited = ()
        if self._first is not None and self._first.is_ended_by(own_id, by_report=True):
            self._first, self._limited = None, ()
            log.info("sender may write to people first again", vendor=self._vendor)

    def user_ids_refused(self, code: str) -> None:
        """The account may not send to business-scoped ids; who has a number is written to there, so nothing waits."""
        if self._user_ids is None:
            self._user_ids = code, self._now()
            log.error("account may not send to business-scoped ids", vendor=self._vendor, code=code)

    def user_ids_taken(self) -> None:
        """A message to an id was accepted."""
        self._user_ids = None

    def shown(self) -> list[dict[str, Any]]:
        """Return what is paused, or refused to some, for views."""
        first = [] if self._first is None else [shown(self._vendor, "first_messages", self._first)]
        return [*self.account.shown(), *first, *self._shown_user_ids()]

    def _shown_user_ids(self) -> list[dict[str, Any]]:
        if self._user_ids is None:
            return []
        code, since = self._user_ids
        at = since.isoformat(timespec="seconds")
        return [{"vendor": self._vendor, "scope": "user_ids", "code": code, "since": at, "until": at}]


def _with_person(people: tuple[frozenset[str], ...], one: frozenset[str]) -> tuple[frozenset[str], ...]:
    """Return so many people, each by their addresses, whom one has joined who may be among them by another address."""
    same = [each for each in people if each & one]
    return (*(each for each in people if each not in same), one.union(*same))


def _look_again(pause: Pause, now: datetime) -> datetime:
    """Return when a first message that is held is looked at again: the longer it lasts, the later."""
    return now + min(_LONGEST_HELD, max(_LEAST_HELD, (now - pause.since) * _HELD_SHARE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    sender: SenderStanding
    agents: AccountGate

    @classmethod
    def begun(cls, now: Callable[[], datetime]) -> Self:
        """Return one in which nothing is known to be refused. `now`: Postgres' time."""
        return cls(sender=SenderStanding("twilio", now), agents=AccountGate("elevenlabs", now))

    @property
    def gates(self) -> tuple[AccountGate, AccountGate]:
        return self.sender.account, self.agents

    def shown(self) -> list[dict[str, Any]]:
        """Return all that is paused, for views."""
        return [*self.sender.shown(), *self.agents.shown()]
