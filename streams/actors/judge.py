"""What becomes of what fails: it is tried again, is a dead letter, or its partition stands still. Pure; told the time."""

from collections import defaultdict
from enum import Enum
from pathlib import PurePath
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from db.failures import is_postgres_away
from db.store.ids import NoIdsLeft
from schemas.errors import Fenced, RetryableError, Unavailable, UnknownOutcome

Sentence = Enum("Sentence", "RETRY BURY STOP")

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between tries. Seven within a minute: what a moment was to blame for is over by then, a build that fails has met
more numbers than one, and the client who waits has not given up yet."""
WITHIN_SECONDS: Final = 600.0
"""What failed longer ago counts no more: neither as a try nor as a number. A quiet hour's traffic has ten minutes to show
whether a failure is a build's."""
MANY_NUMBERS: Final = 10
"""More than ever send the same odd thing within that time; a build that fails for all meets them within seconds."""
# Each try at what waits for Postgres is cheap, and whoever comes back is to be found soon.
_LONGEST_AWAY_SECONDS = 3.0

_AWAY: Final = (KafkaError, RetryableError, UnknownOutcome, Unavailable, Fenced, NoIdsLeft)


class Ruling(NamedTuple):
    """`wait`: seconds until the next try; `tries`: how often it has failed for a reason of its own."""

    sentence: Sentence
    wait: float = 0.0
    tries: int = 0


class Judge:
    """Remembers which numbers met which failure; of each the times of its tries."""

    def __init__(self) -> None:
        self._failures: dict[str, dict[str, list[float]]] = defaultdict(dict)

    def rule(self, number: str, error: Exception, attempt: int, now: float) -> Ruling:
        """Return what becomes of something of a number that failed. `attempt`: of all, also while somebody was away.

        A number that was given its tries gets no others for the same failure: all that comes would wait for them.
        """
        if is_away(error):
            return Ruling(Sentence.RETRY, min(attempt * WAITS[0], _LONGEST_AWAY_SECONDS))
        numbers = self._recent(failure_of(error), now)
        tries = numbers.setdefault(number, [])
        tries.append(now)
        if len(numbers) >= MANY_NUMBERS:
            return Ruling(Sentence.STOP, tries=len(tries))
        if len(tries) > len(WAITS):
            return Ruling(Sentence.BURY, tries=len(tries))
        return Ruling(Sentence.RETRY, WAITS[len(tries) - 1], len(tries))

    def _recent(self, failure: str, now: float) -> dict[str, list[float]]:
        """Forget what is too long ago; return the tries of each number that met a failure."""
        for name, numbers in list(self._failures.items()):
            recent = {each: [at for at in tries if now - at < WITHIN_SECONDS] for each, tries in numbers.items()}
            self._failures[name] = {each: tries for each, tries in recent.items() if tries}
            if not self._failures[name]:
                del self._failures[name]
        return self._failures[failure]


def is_away(error: BaseException | None) -> bool:
    """Return whether Postgres, Kafka or a vendor is to blame, who may be back any time."""
    return isinstance(error, _AWAY) or is_postgres_away(error)


def failure_of(error: BaseException) -> str:
    """Return what makes two failures the same: the exception's type, and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return type(error).__name__ + place
