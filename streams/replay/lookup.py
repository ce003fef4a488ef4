"""What the database says about many events at once: whether they were taken up, and how they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from db.pool import Pool
from db.readers.persons import numbers_of
from db.readers.replays import campaigns_of, suppressed_of, unanswered_of
from db.store.erasures import erased_at
from db.store.load import load_conversations
from db.store.lookups import seen_events, sends_by_own_id, sends_by_sid
from db.store.rows import ConversationRow, FailedTurn, SeenEvent
from rules.failed_turns import turn_of
from rules.replays import goes_out_again
from rules.state import Conversation
from schemas.events import MessageStatus
from schemas.replay_mark import repetition
from schemas.statuses import rank_of
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE
from streams.actors.replayed import began_later, failed_with, failures, was_turned_down
from streams.actors.store import load_actors
from streams.replay.candidates import Candidate, Wanted
from streams.replay.plan import Facts, Standing

_KINDS = {CALL_COMPLETED: "call", INBOUND_MESSAGE: "message"}
EventId = tuple[str, str]
Place = tuple[int, int]
"""Partition and offset: an event may be in the log twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    seen: Mapping[EventId, SeenEvent]
    states: Mapping[str, Conversation]
    rows: Mapping[str, ConversationRow]
    failed: Sequence[FailedTurn]
    unanswered: frozenset[str]

    def stands(self, kind: str, candidate: Candidate) -> tuple[Standing, bool] | None:
        """Return how an event stands and whether it was superseded; None if it was never taken up."""
        event_id = candidate.event_id
        if (seen := self.seen.get((kind, event_id))) is None:
            return None
        if (under_way := _under_way(self.states[candidate.key], event_id)) is not None:
            return under_way, False
        if (turn := failed_with(event_id, candidate.key, self.failed)) is not None:
            is_back = turn.burnt and goes_out_again(self.states[candidate.key], turn_of(turn.turn))
            return ("answered", False) if is_back else ("failed", turn.superseded)
        if kind == "call" and was_turned_down(seen):
            return "failed", began_later(self.rows.get(candidate.key), seen)
        return ("unanswered" if event_id in self.unanswered else "done"), False


def _under_way(state: Conversation, event_id: str) -> Standing | None:
    if any(waiting.event_id == event_id for waiting in state.inbox):
        return "begun" if state.has_begun else "parked"
    for turn in state.turns:
        if event_id in (turn.event_id, *turn.answers):
            return "answered" if turn.parts else "begun"
    return None


class Lookup:
    """Look-up of many events in the database at once."""

    def __init__(self, pool: Pool, wanted: Wanted, replay: str | None) -> None:
        """`replay`: the one whose repetitions count as done, in mode `again`."""
        self._pool = pool
        self._wanted = wanted
        self._replay = replay

    async def facts(self, candidates: Sequence[Candidate]) -> list[Facts | None]:
        """Return each readable candidate's facts, None for the others.

        What came for an id that has merged into a number was done there.
        """
        numbers = await numbers_of(self._pool, sorted({each.key for each in candidates}))
        candidates = [replace(each, key=numbers.get(each.key, each.key)) for each in candidates]
        readable = [each for each in candidates if each.value is not None]
        keys = sorted({each.key for each in readable})
        states = await self._states(readable, keys)
        batches = await campaigns_of(self._pool, keys) if self._wanted.batch else {}
        suppressed = await suppressed_of(self._pool, keys)
        repeated = await self._repeated(readable)
        erased = await erased_at(self._pool, keys)
        return [
            None
            if each.value is None
            else Facts(
                **states.get(_place(each), {}),
                suppressed=each.key in suppressed,
                erased=each.record.at.replace(tzinfo=None) <= erased.get(each.key, datetime.min),
                repeated=each.event_id in repeated,
                wanted=self._is_wanted(each, batches),
                person=each.key,
            )
            for each in candidates
        ]

    async def _states(
        self, readable: Sequence[Candidate], keys: Sequence[str]
    ) -> dict[Place, dict[str, Any]]:
        if not readable:
            return {}
        kind = _KINDS.get(readable[0].record.topic)
        if kind is None:
            return await self._reports(readable)
        known = await self._known(kind, readable, keys)
        found = {_place(each): known.stands(kind, each) for each in readable}
        return {
            place: {"state": stands[0], "superseded": stands[1]}
            for place, stands in found.items()
            if stands is not None
        }

    async def _known(self, kind: str, readable: Sequence[Candidate], keys: Sequence[str]) -> _Known:
        states = {key: actor.state for key, actor in (await load_actors(self._pool, keys)).items()}
        return _Known(
            seen=await seen_events(self._pool, {(kind, each.event_id) for each in readable}),
            states=states,
            rows=await load_conversations(self._pool, keys),
            failed=await failures(self._pool, keys),
            unanswered=await unanswered_of(self._pool, [state.id for state in states.values() if state.id]),
        )

    async def _reports(self, readable: Sequence[Candidate]) -> dict[Place, dict[str, Any]]:
        """Return the reports that are done: the send was reported as far, or the message is not ours."""
        reports = {_place(each): each.value for each in readable if isinstance(each.value, MessageStatus)}
        own_ids = {UUID(each.own_id) for each in reports.values() if each.own_id is not None}
        sids = {sid for each in reports.values() if (sid := each.params.get("MessageSid"))}
        by_own = await sends_by_own_id(self._pool, own_ids)
        by_sid = await sends_by_sid(self._pool, sids)
        found = {}
        for place, report in reports.items():
            own = by_own.get(UUID(report.own_id)) if report.own_id is not None else None
            send = own or by_sid.get(report.params.get("MessageSid", ""))
            status = report.params.get("MessageStatus") or report.params.get("SmsStatus", "")
            if send is None or send.rank >= rank_of(status):
                found[place] = {"state": "done"}
        return found

    async def _repeated(self, readable: Sequence[Candidate]) -> set[str]:
        """Return the events that this replay has already had done again."""
        if self._replay is None or not readable or (kind := _KINDS.get(readable[0].record.topic)) is None:
            return set()
        names = {(kind, repetition(self._replay, each.event_id)): each.event_id for each in readable}
        return {names[event] for event in await seen_events(self._pool, names.keys())}

    def _is_wanted(self, candidate: Candidate, batches: dict[str, str | None]) -> bool:
        if self._wanted.number is not None and candidate.key != self._wanted.number:
            return False
        if self._wanted.batch is None:
            return True
        of_call = getattr(candidate.value, "batch_id", None)
        return (of_call or batches.get(candidate.key)) == self._wanted.batch


def _place(candidate: Candidate) -> Place:
    return candidate.record.partition, candidate.record.offset
