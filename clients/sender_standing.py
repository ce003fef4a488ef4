"""How our sender stands with the messenger: whether it is refused, and whether it may write to people first.

Learned from the outcomes of sends, at once or by a report. Each process learns by itself, and
forgets when it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import structlog

from clients.account_gate import AccountGate, shown
from clients.pause import FIRST_MESSAGES, Pause

log = structlog.get_logger()

# Nobody who is written to first gets a second message so soon that it could be one too many for that person.
# Three people refused in a row, with nobody reached in between, mean the sender's limit.
_SEVERAL = 3
# Thousands of first messages may wait. They are looked at again every half minute at first, every five
# minutes in the long run, so that they cost the database a few dozen rows a second at most.
_LEAST_HELD, _LONGEST_HELD, _HELD_SHARE = timedelta(seconds=30), timedelta(minutes=5), 0.5


class SenderStanding:
    """What our sender may do now.

    Everybody waits at `account`; `held_until` is for first messages, which must not hold up others.
    """

    def __init__(self, vendor: str, now: Callable[[], datetime]) -> None:
        self.account = AccountGate(vendor, now)
        self._vendor = vendor
        self._now = now
        self._limited: tuple[frozenset[str], ...] = ()
        #: One of these was refused by a report, after it had been taken.
        self._by_report = False
        self._first: Pause | None = None
        self._user_ids: tuple[str, datetime] | None = None

    @property
    def takes_first_messages(self) -> bool:
        """Whether a first message may go out right now, without trying anything."""
        return self._first is None and self.account.pause is None

    def held_until(self, own_id: str) -> tuple[datetime, str] | None:
        """Return until when a first message is held, and the code; None if it may go, or is to try."""
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
        """Note that the messenger refuses our account or sender."""
        self.account.refused(own_id, code, by_report=by_report)

    def limited(self, own_id: str, person: frozenset[str], code: str, *, by_report: bool) -> None:
        """Note that WhatsApp takes no first message to this person now.

        `person`: the keys of their addresses, as far as known. What is refused at once is taken at once, too:
        where no reports come, nothing else would ever end it.
        """
        if self._first is not None:
            now = self._now()
            self._first = self._first.refused_again(own_id, code, now, FIRST_MESSAGES, by_report=by_report)
            return
        self._limited = _with_person(self._limited, person)
        self._by_report = self._by_report or by_report
        if len(self._limited) >= _SEVERAL:
            self._first = Pause.begun(code, self._now(), FIRST_MESSAGES, by_report=self._by_report)
            log.error("sender may write to nobody first, first messages wait", vendor=self._vendor, code=code)

    def went_through(self, own_id: str, *, is_first: bool, by_report: bool) -> None:
        """Note that the messenger took a message. `by_report`: WhatsApp did, too."""
        self.account.went_through(own_id, by_report=by_report)
        if is_first and (by_report or not self._by_report):
            self._limited, self._by_report = (), False
        if self._first is not None and self._first.is_ended_by(own_id, by_report=by_report):
            self._first, self._limited, self._by_report = None, (), False
            log.info("sender may write to people first again", vendor=self._vendor)

    def user_ids_refused(self, code: str) -> None:
        """Note that the account may not send to business-scoped ids.

        Nothing waits: whoever has a number is written to there.
        """
        if self._user_ids is None:
            self._user_ids = code, self._now()
            log.error("account may not send to business-scoped ids", vendor=self._vendor, code=code)

    def user_ids_taken(self) -> None:
        """Note that a message to an id was accepted."""
        self._user_ids = None

    def shown(self) -> list[dict[str, Any]]:
        """Return what is paused, or refused for some, as views show it."""
        first = [] if self._first is None else [shown(self._vendor, "first_messages", self._first)]
        return [*self.account.shown(), *first, *self._shown_user_ids()]

    def _shown_user_ids(self) -> list[dict[str, Any]]:
        if self._user_ids is None:
            return []
        code, since = self._user_ids
        at = since.isoformat(timespec="seconds")
        return [{"vendor": self._vendor, "scope": "user_ids", "code": code, "since": at, "until": at}]


def _with_person(people: tuple[frozenset[str], ...], one: frozenset[str]) -> tuple[frozenset[str], ...]:
    """Return people, each by their addresses, joined by one who may be among them by another address."""
    same = [each for each in people if each & one]
    return (*(each for each in people if each not in same), one.union(*same))


def _look_again(pause: Pause, now: datetime) -> datetime:
    """Return when a held first message is looked at again: the longer the pause lasts, the later."""
    return now + min(_LONGEST_HELD, max(_LEAST_HELD, (now - pause.since) * _HELD_SHARE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    sender: SenderStanding
    agents: AccountGate

    @classmethod
    def begun(cls, now: Callable[[], datetime]) -> Self:
        """Return a standing in which nothing is known to be refused. `now`: Postgres' time."""
        return cls(sender=SenderStanding("twilio", now), agents=AccountGate("elevenlabs", now))

    @property
    def gates(self) -> tuple[AccountGate, AccountGate]:
        return self.sender.account, self.agents

    def shown(self) -> list[dict[str, Any]]:
        """Return everything that is paused, as views show it."""
        return [*self.sender.shown(), *self.agents.shown()]
