"""A decision as it is compared and shown: what it says, without ids, times and randomness. Pure."""

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any, Final

from rules import events as e
from rules.codec import data_of, type_of
from rules.draft import Fresh
from schemas.rows import Json
from streams.replay.history import Step

Told = Json

_SAID: Final = frozenset(
    (
        "agent_id",
        "answers",
        "asks",
        "backfilled",
        "by",
        "changed",
        "client_name",
        "code",
        "command",
        "content",
        "elevenlabs_conversation_id",
        "gave_up",
        "intended",
        "intent",
        "is_last",
        "is_whole",
        "kind",
        "late",
        "notice",
        "number",
        "paced",
        "parked",
        "problem",
        "rank",
        "read",
        "reason",
        "replay",
        "send_state",
        "status",
        "tells_backend",
        "text",
        "tries",
        "what",
        "why",
    )
)
"""Fields that two decisions of the same input must agree on."""


def told(recorded: e.Recorded) -> Told:
    """Return what an event says."""
    data = data_of(recorded.event)
    found: Told = {"type": type_of(recorded.event)} | {
        name: value for name, value in data.items() if name in _SAID
    }
    if "parts" in data:
        found["parts"] = [{"body": part["body"], "content": part.get("content")} for part in data["parts"]]
    if "wait" in data:
        found["wait"] = {name: data["wait"].get(name) for name in ("reason", "tries", "code")}
    if "waiting" in data:
        found["waiting"] = {name: data["waiting"].get(name) for name in ("kind", "text")}
    if "came_back" in data:
        found["came_back"] = {name: data["came_back"].get(name) for name in ("times", "as_template")}
    return found


def ids_of(step: Step) -> Fresh:
    """Return the ids that were given out then, and further ones if more are wanted now."""
    events = [recorded.event for recorded in step.events]
    return Fresh(
        conversation_id=_of((recorded.conversation_id for recorded in step.events), 0),
        message_id=_of((found for event in events if (found := getattr(event, "message_id", None))), 0),
        turn_id=_of((found for event in events if (found := getattr(event, "turn_id", None))), 0),
        own_id=_text(
            part.own_id for event in events if isinstance(event, e.Answered) for part in event.parts
        ),
        jitter=lambda: 0.0,
    )


def _of(given: Iterator[int], start: int) -> Callable[[], int]:
    return chain(given, count(start, -1)).__next__


def _text(given: Iterator[str]) -> Callable[[], str]:
    more: Iterator[Any] = (f"further-{number}" for number in count(1))
    return chain(given, more).__next__
