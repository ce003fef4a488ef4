"""Carries out rulings on failures: waits for the next try, or makes a dead letter and tells the client."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from clients.kafka.connection import KAFKA_ERRORS
from mailboxes.ports import Verdict
from rules import inputs as i
from schemas.errors import InvalidInput
from schemas.topics import CALL_COMPLETED, CONVERSATION_COMMAND, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.actors.judge import LEAST_TRIES, WAITS, Judge, Ruling, Sentence, failure_of
from streams.actors.letters import Letters
from streams.actors.values import Told

log = structlog.get_logger()

# A try takes milliseconds: what has not failed again this long after its wait is done.
_TRY_SECONDS = 2.0
_BROUGHT_BY: Final[dict[str, type[object]]] = {
    CALL_COMPLETED: i.CallEnded,
    INBOUND_MESSAGE: i.MessageReceived,
    MESSAGE_STATUS: i.DeliveryReported,
    CONVERSATION_COMMAND: i.CommandGiven,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What a number waits for. Times are in seconds of the event loop."""

    why: str
    tries: int
    since: float
    until: float


class Rejections:
    """Verdicts for the mailbox on what failed alone: `await rejections(key, message, error, attempt)`."""

    def __init__(self, letters: Letters, waits: tuple[float, ...] = WAITS) -> None:
        self._letters = letters
        self._waits = waits
        self._judge = Judge(waits)
        self._retried: dict[str, Retried] = {}

    @property
    def longest_wait(self) -> float:
        """Seconds between two tries of what fails again and again."""
        return self._waits[-1]

    def retried(self) -> list[dict[str, Any]]:
        """Return what is tried again, oldest first: why, how often it failed, and for how long."""
        now = _now()
        self._retried = {key: each for key, each in self._retried.items() if now < each.until + _TRY_SECONDS}
        oldest_first = sorted(self._retried.values(), key=lambda each: each.since)
        return [
            {"why": each.why, "tries": each.tries, "seconds": round(now - each.since, 1)}
            for each in oldest_first
        ]

    def came_through(self, key: str, given: i.Input) -> None:
        """Note what became durable, as a sign that the build can do its kind."""
        self._judge.came_through(key, type(given), _now())

    async def __call__(
        self,
        key: str,
        message: Told | None,
        error: Exception,
        attempt: int,
        is_pressed: Callable[[], bool] = lambda: False,
    ) -> Verdict | Told:
        """Judge a failure. `is_pressed`: whether others are about to wait for this number."""
        kind = None if message is None else _kind_of(message)
        ruling = self._judge.rule(key, error, attempt, _now(), kind, is_pressed=is_pressed())
        why = failure_of(error)
        log.error("an event fails", why=why, attempt=attempt, becomes=ruling.sentence.name, exc_info=error)
        if ruling.sentence is Sentence.STOP:
            return Verdict.STOP
        if ruling.sentence is Sentence.RETRY or not await self._buried(message, error, ruling):
            await self._wait(key, why, attempt, ruling, is_pressed)
            return Verdict.RETRY
        self._retried.pop(key, None)
        if message is None:
            return Verdict.SKIP
        instead = _instead_of(message, type(error).__name__)
        if instead is None and message.origin is None and not isinstance(message.given, i.TimerFired):
            await asyncio.sleep(self.longest_wait)  # an effect's result: the effect is wanted again at once
        return instead or Verdict.SKIP

    async def _buried(self, message: Told | None, error: Exception, ruling: Ruling) -> bool:
        """Write the dead letter for what a record brought; False while Kafka does not take it."""
        if message is None or message.origin is None:
            return True
        source, record = message.origin
        problem = InvalidInput("handling", f"{type(error).__name__}, {ruling.tries} times")
        try:
            await self._letters.bury(source, record, problem, ruling.tries)
        except KAFKA_ERRORS:
            return False
        return True

    async def _wait(
        self, key: str, why: str, attempt: int, ruling: Ruling, is_pressed: Callable[[], bool]
    ) -> None:
        now, former, seconds = _now(), self._retried.get(key), ruling.wait or self._waits[0]
        since = now if former is None or former.until + _TRY_SECONDS < now else former.since
        self._retried[key] = Retried(why=why, tries=attempt, since=since, until=now + seconds)
        while (left := now + seconds - _now()) > 0 and not (is_pressed() and ruling.tries >= LEAST_TRIES):
            await asyncio.sleep(min(left, self._waits[0]))


def _kind_of(message: Told) -> type[object]:
    """Return the kind of an input, or what it would be if it could be read."""
    if message.failure is not None and message.origin is not None:
        return _BROUGHT_BY[message.origin[0].topic]
    return type(message.given)


def _instead_of(message: Told, why: str) -> Told | None:
    """Return what a number is told instead of what cannot be done, so that whoever wrote hears of it."""
    given = message.given
    if isinstance(given, i.AgentAnswered):
        return replace(
            message, given=i.AgentFailed(question=given.question, retryable=False, why=why, slot=given.slot)
        )
    if isinstance(given, i.MessageReceived) and given.replay is None:
        given = i.MessageBuried(
            event_id=given.event_id,
            received_at=given.received_at,
            address=given.address,
            via=given.via,
            request_id=given.request_id,
            trace=given.trace,
        )
    elif message.failure is None or not isinstance(given, i.MessageBuried):
        return None
    return Told(given=given, event=("message", given.identity), since=message.since)


def _now() -> float:
    return asyncio.get_running_loop().time()
