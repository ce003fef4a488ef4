"""Judges failures: try again, make a dead letter, or let the partition stand still. Pure; told the time."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Final, NamedTuple

from clients.kafka.connection import KafkaError
from db.failures import is_postgres_away
from db.store.ids import NoIdsLeft
from schemas.errors import Fenced, RetryableError, Unavailable, UnknownOutcome

Sentence = Enum("Sentence", "RETRY BURY STOP")

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between tries; the last repeats from then on.

Seven tries fit in a minute: by then a momentary fault is over and a failing build has met more than one
number, and the client who waits has not given up yet.
"""
WITHIN_SECONDS: Final = 600.0
"""Seconds after which a failure no longer counts, neither as a try nor as a number.

A quiet hour's traffic has ten minutes to show whether a failure is a build's. Where that is uncertain,
a number is held back for that long at most.
"""
MANY_NUMBERS: Final = 10
"""More than ever send the same odd thing in that time; a build that fails for all meets them in seconds."""
LEAST_TRIES: Final = 3
"""Once a number's partition is about to fill, others' messages are worth more than tries beyond these."""
# Trying what waits for Postgres is cheap, and whatever comes back should be noticed soon.
_LONGEST_AWAY_SECONDS = 3.0

_AWAY: Final = (KafkaError, RetryableError, UnknownOutcome, Unavailable, Fenced, NoIdsLeft)


class Ruling(NamedTuple):
    """A decision. `wait`: seconds until the next try; `tries`: failures for a reason of its own."""

    sentence: Sentence
    wait: float = 0.0
    tries: int = 0


@dataclass(slots=True)
class _Met:
    """A number that met a failure. `since`: when it first did; `tries`: the times of those that count."""

    since: float
    tries: list[float] = field(default_factory=list)


class Judge:
    """Memory of which numbers met which failure, and which came through with what."""

    def __init__(self, waits: tuple[float, ...] = WAITS) -> None:
        self._waits = waits
        self._failures: dict[str, dict[str, _Met]] = defaultdict(dict)
        self._through: dict[object, tuple[str, float]] = {}

    def came_through(self, number: str, kind: object, now: float) -> None:
        """Note that something of this kind went well."""
        self._through[kind] = number, now

    def rule(
        self,
        number: str,
        error: Exception,
        attempt: int,
        now: float,
        kind: object = None,
        *,
        is_pressed: bool = False,
    ) -> Ruling:
        """Return what becomes of something of a number's that failed.

        A number that has had its tries gets no more for the same failure: what follows would wait for them.

        Args:
            attempt: counts all attempts, including those while somebody was away.
            kind: what it is, see `came_through`.
            is_pressed: whether others are about to wait for it.
        """
        if is_away(error):
            return Ruling(Sentence.RETRY, min(attempt * self._waits[0], _LONGEST_AWAY_SECONDS))
        numbers = self._recent(failure_of(error), now)
        met = numbers.setdefault(number, _Met(now))
        met.tries.append(now)
        tries = len(met.tries)
        if len(numbers) >= MANY_NUMBERS:
            return Ruling(Sentence.STOP, tries=tries)
        if is_pressed and tries >= LEAST_TRIES:
            return Ruling(Sentence.BURY, tries=tries)
        if tries > len(self._waits) and (
            now - met.since >= WITHIN_SECONDS or self._is_its_own(number, numbers, kind)
        ):
            return Ruling(Sentence.BURY, tries=tries)
        return Ruling(Sentence.RETRY, self._waits[min(tries, len(self._waits)) - 1], tries)

    def _is_its_own(self, number: str, numbers: Mapping[str, _Met], kind: object) -> bool:
        """Return whether a failure is certainly this number's own.

        It is when no other number met it and another's input of the same kind came through meanwhile. With
        no other traffic it may just as well be the build's, which others' input will show.
        """
        other, at = self._through.get(kind, (number, 0.0))
        return len(numbers) == 1 and other != number and at > numbers[number].since

    def _recent(self, failure: str, now: float) -> dict[str, _Met]:
        """Forget what is too long ago; return the numbers that met a failure, with their tries."""
        for name, numbers in list(self._failures.items()):
            for met in numbers.values():
                met.tries = [at for at in met.tries if now - at < WITHIN_SECONDS]
            self._failures[name] = {number: met for number, met in numbers.items() if met.tries}
            if not self._failures[name]:
                del self._failures[name]
        return self._failures[failure]


def is_away(error: BaseException | None) -> bool:
    """Return whether Postgres, Kafka or a vendor is to blame, which may be back at any time."""
    return isinstance(error, _AWAY) or is_postgres_away(error)


def failure_of(error: BaseException) -> str:
    """Return what makes two failures the same: the exception's type, and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (
        "" if trace is None else f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    )
    return type(error).__name__ + place
