"""Resumes what failed: what a replay wants of events that were done before, and what a report proves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from db.pool import Pool
from db.store.load import load_conversations
from db.store.lookups import burnt_turns, failed_turns, message_ids, seen_events
from db.store.rows import ConversationRow, FailedTurn, SeenEvent, SendRow
from rules import inputs as i
from rules.failed_turns import turn_of
from rules.opening import waiting_call
from rules.replying import waiting_message
from rules.turns import Turn, Waiting
from schemas.replay_mark import Mark, repetition
from schemas.statuses import FAILED
from streams.actors.values import Told

EventId = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Replayed:
    """An event that carries a replay's mark, with the input that `reading` made of it."""

    key: str
    mark: Mark
    told: Told

    @property
    def event(self) -> EventId:
        assert self.told.event is not None, "calls and messages have ids"
        return self.told.event

    @property
    def identity(self) -> str:
        """What this repetition is remembered by, like an event's id."""
        return repetition(self.mark.replay, self.event[1])


@dataclass(frozen=True, slots=True)
class _Known:
    seen: Mapping[EventId, SeenEvent]
    failed: Sequence[FailedTurn]
    rows: Mapping[str, ConversationRow]
    message_ids: Mapping[EventId, int]


async def failures(pool: Pool, keys: Sequence[str]) -> Sequence[FailedTurn]:
    """Return numbers' turns that failed, at once or by a report, and were not taken up since."""
    return [*await burnt_turns(pool, keys, sorted(FAILED)), *await failed_turns(pool, keys)]


async def wanted(pool: Pool, replayed: Sequence[Replayed]) -> list[Told]:
    """Return what is wanted of replayed events; one that was never done is handled like any other."""
    seen = await seen_events(pool, [each.event for each in replayed])
    again = [each for each in replayed if each.event in seen]
    if not again:
        return [each.told for each in replayed]
    keys = sorted({each.key for each in again})
    messages = [(each.key, each.event[1]) for each in again if each.event[0] == "message"]
    known = _Known(
        seen,
        await failures(pool, keys),
        await load_conversations(pool, keys),
        await message_ids(pool, messages),
    )
    return [_wanted(each, known) if each.event in seen else each.told for each in replayed]


def _wanted(replayed: Replayed, known: _Known) -> Told:
    row, seen = known.rows.get(replayed.key), known.seen[replayed.event]
    waiting = _waiting(replayed, known)
    if replayed.mark.wants == "again":
        is_former = (
            waiting.kind == "call" and row is not None and row.elevenlabs_conversation_id != waiting.event_id
        )
        return _told(replayed, waiting, None, superseded=is_former)
    if (found := failed_with(replayed.event[1], replayed.key, known.failed)) is not None:
        turn = turn_of(found.turn, found.accepted)
        # Several events may share a turn, and replays may overlap: each failure is resumed once.
        identity = f"{'resent' if found.burnt else 'reopened'}:{turn.id}:{found.number}"
        return _told(
            replayed, waiting, turn, superseded=found.superseded, identity=identity, burnt=found.burnt
        )
    if waiting.kind == "call" and was_turned_down(seen):
        return _told(replayed, waiting, None, superseded=began_later(row, seen))
    return replayed.told


def failed_with(event_id: str, key: str, failed: Sequence[FailedTurn]) -> FailedTurn | None:
    """Return the newest of a number's turns that failed with this event."""
    of_number = (each for each in reversed(failed) if each.phone_number == key)
    return next(
        (
            each
            for each in of_number
            if event_id in (each.turn.get("event_id"), *each.turn.get("answers", ()))
        ),
        None,
    )


def was_turned_down(call: SeenEvent) -> bool:
    """Return whether a call's outcome is a failure."""
    return (call.outcome or {}).get("state") == "failed"


def began_later(row: ConversationRow | None, call: SeenEvent) -> bool:
    """Return whether a later call began the conversation."""
    return row is not None and row.started_at is not None and row.started_at > call.at


def _waiting(replayed: Replayed, known: _Known) -> Waiting:
    given = replayed.told.given
    if isinstance(given, i.CallEnded):
        return waiting_call(given)
    assert isinstance(given, i.MessageReceived), "nothing else is replayed"
    return waiting_message(given, known.message_ids.get((replayed.key, given.event_id)))


def _told(
    replayed: Replayed,
    waiting: Waiting,
    turn: Turn | None,
    *,
    superseded: bool,
    identity: str | None = None,
    burnt: bool = False,
) -> Told:
    identity = identity or replayed.identity
    given = i.ReplayWanted(
        replay=replayed.mark.replay,
        wants="again" if replayed.mark.wants == "again" else "failed",
        waiting=waiting,
        identity=identity,
        turn=turn,
        superseded=superseded,
        burnt=burnt,
        message=message.message if isinstance(message := replayed.told.given, i.MessageReceived) else None,
        mark=replayed.mark.text,
    )
    return Told(given=given, event=(replayed.event[0], identity))


async def held_turns(pool: Pool, sends: Collection[SendRow]) -> dict[int, i.HeldTurn]:
    """Return, by id, the turns of the sends that were left to an operator: a report may prove them."""
    held = [send for send in sends if send.state == "held"]
    found = await failed_turns(pool, sorted({send.phone_number for send in held})) if held else []
    turns = ((turn_of(each.turn, each.accepted), each.superseded) for each in found)
    return {turn.id: i.HeldTurn(turn=turn, superseded=superseded) for turn, superseded in turns}
