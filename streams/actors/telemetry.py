"""Metrics and log lines for transitions that have become durable."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

import structlog

from process.metrics import label_of
from rules.events import Deferred, DeliveryFailed, Event, LinkSettled, Merged, Recorded, Sent, TurnFailed
from rules.inputs import DeliveryReported
from rules.state import Conversation
from rules.turns import SPARED, Turn
from schemas.phone import masked
from streams.actors.values import Transition
from streams.failpoints import reach
from streams.metrics import CONTRADICTIONS, RETRIES, reconciled, turn_took, undelivered

log = structlog.get_logger()

_HOUR = timedelta(hours=1)
# Beyond this the exact count does not matter: somebody has to look even for one.
_MOST_COUNTED = 1000


class LastHour:
    """How often something happened within the last hour. Told the time."""

    def __init__(self) -> None:
        self._times: deque[datetime] = deque(maxlen=_MOST_COUNTED)

    def note(self, at: datetime) -> None:
        """Note that it happened. `at`: aware."""
        self._times.append(at)

    def count(self, now: datetime) -> int:
        """Return how often it happened within the hour before `now`."""
        return sum(at > now - _HOUR for at in self._times)


CONTRADICTED: Final = LastHour()
"""Addresses that were reported with two numbers: for `/health`, because somebody has to look."""

# What a vendor was asked and will be asked again. A turn that waits was not begun; a look-up repeats nothing.
_RETRIED = frozenset({"ask", "send", "details"})

_LINKS: Final = {
    "refused": (
        "an address was told of with two numbers and stays with the first; look whether they are one person"
    ),
    "late": (
        "another address of a number has not handed over in time; what it has is taken over when it comes"
    ),
}


def observe(key: str, transition: Transition) -> None:
    """Count and log what a transition came to."""
    before = transition.before
    for recorded, after in transition.events:
        event = recorded.event
        _observe_turn(key, before, recorded)
        _observe_link(key, event, recorded.at)
        if isinstance(event, Deferred) and event.what in _RETRIED and event.wait.reason not in SPARED:
            RETRIES.inc()
        if isinstance(event, DeliveryFailed) and event.came_back is None:
            undelivered(label_of(event.code)).inc()
        if isinstance(event, Sent):
            if isinstance(transition.given, DeliveryReported) and _is_unknown(before, event.own_id):
                reconciled("report").inc()
            reach("after-accept")
        before = after


def _observe_link(key: str, event: Event, at: datetime) -> None:
    if isinstance(event, LinkSettled) and event.known is not None:
        CONTRADICTIONS.inc()
        CONTRADICTED.note(at)
    if isinstance(event, LinkSettled) and event.reason != "joined":
        log.warning(_LINKS[event.reason], address=masked(key), other=masked(event.key))
    elif isinstance(event, Merged):
        log.info("an address was merged into its number", address=masked(key), number=masked(event.number))


def _observe_turn(key: str, before: Conversation, recorded: Recorded) -> None:
    event = recorded.event
    outcome = _outcome(event)
    if outcome is None:
        return
    turn = _turn_of(before, event)
    kind = turn.kind if turn is not None else "reply"
    turn_took(kind, outcome).observe(
        max(0.0, (recorded.at - _began(before, turn, recorded.at)).total_seconds())
    )
    if isinstance(event, TurnFailed):
        log.warning("turn failed", kind=kind, number=masked(key), code=event.code, why=event.reason)
    elif isinstance(event, Deferred):
        wait = event.wait
        log.info("turn is held", kind=kind, number=masked(key), what=event.what, code=wait.code, why=wait.why)


def _outcome(event: Event) -> str | None:
    """Return what a turn comes to by this event, or None if nothing yet."""
    match event:
        case Sent(is_last=True):
            return "done"
        case TurnFailed():
            return "failed"
        case Deferred(what="turn" | "ask" | "send", wait=wait) if wait.reason not in SPARED:
            return "held"
    return None


def _turn_of(state: Conversation, event: Event) -> Turn | None:
    wanted = event.turn_id if isinstance(event, Sent | TurnFailed) else None
    return next((turn for turn in state.turns if wanted in (None, turn.id)), None)


def _began(state: Conversation, turn: Turn | None, now: datetime) -> datetime:
    """Return since when somebody waits: the client who wrote, or the call from when its follow-up was due."""
    if turn is None:
        return state.questions[0].at if state.questions else now
    if turn.wait is not None and turn.wait.reason in SPARED:
        return turn.wait.until
    return turn.asked_at or turn.began_at


def _is_unknown(state: Conversation, own_id: str) -> bool:
    return any(
        part.own_id == own_id and part.state == "unknown" for turn in state.turns for part in turn.parts
    )
