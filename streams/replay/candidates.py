"""The events of a window, read and looked up: what the journal says of each."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.pool import Pool
from db.queries import load
from schemas.errors import InvalidInput
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.phone import number_digest
from schemas.topics import CALL_COMPLETED, CONVERSATION_COMMAND, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.conversation.delivery import report_step
from streams.replay.plan import Facts
from streams.replay.reader import Record

_sql = load("replay")

_MODELS: dict[str, Any] = {
    CALL_COMPLETED: CallCompleted, INBOUND_MESSAGE: InboundMessage, MESSAGE_STATUS: MessageStatus,
}  # fmt: skip
REPLAYED = frozenset(_MODELS)
"""Topics whose events can be done again; commands are an operator's, who gives them anew."""
_KINDS = {CALL_COMPLETED: "call", INBOUND_MESSAGE: "message"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record. `value`: None where it cannot be read; `key`: the canonical number."""

    record: Record
    value: Any
    key: str

    @property
    def event_id(self) -> str:
        event_id: str = self.value.event_id
        return event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events of a window are meant: of one number, of one campaign; None: of all."""

    number: str | None = None
    batch: str | None = None


def check_topic(topic: str, mode: str) -> None:
    """Refuse what cannot be replayed, and say what can.

    Raises:
        InvalidInput: names the topic.
    """
    if topic in REPLAYED:
        return
    if topic == CONVERSATION_COMMAND:
        why = "an operator's command would hit what the conversation is today; give it anew"
        raise InvalidInput("topic", f"{why}: `whatsapp-microservice conversation`")
    raise InvalidInput("topic", f"--mode {mode} reads one of: {', '.join(sorted(REPLAYED))}")


def read(record: Record) -> Candidate:
    """Read a record as the worker does."""
    try:
        value = _MODELS[record.topic].from_json(record.value or b"")
        return Candidate(record, value, value.key)
    except InvalidInput:
        return Candidate(record, None, "")


class Lookup:
    """Asks the database about many events at once."""

    def __init__(self, pool: Pool, wanted: Wanted, replay: str | None) -> None:
        """`replay`: whose repetitions count as done, in mode `again`."""
        self._pool = pool
        self._wanted = wanted
        self._replay = replay

    async def facts(self, candidates: Sequence[Candidate]) -> list[Facts | None]:
        """Give each readable candidate's facts, None for the others."""
        readable = [each for each in candidates if each.value is not None]
        keys = list({each.key for each in readable})
        states = await self._states(readable)
        rows = await self._pool.fetch(_sql.campaigns, keys) if self._wanted.batch else []
        batches = {row["phone_number"]: row["batch_id"] for row in rows}
        suppressed = {row["phone_number"] for row in await self._pool.fetch(_sql.suppressed, keys)}
        repeated = await self._repeated(readable)
        digests = {key: number_digest(key) for key in keys}
        rows = await self._pool.fetch(_sql.erasures, list(digests.values()))
        erased = {row["number_digest"]: row["erased_at"] for row in rows}
        return [
            None if each.value is None else Facts(
                **states.get(each.record.offset << 16 | each.record.partition, {}), suppressed=each.key in suppressed,
                erased=each.record.at.replace(tzinfo=None) <= erased.get(digests[each.key], datetime.min),
                repeated=self._repetition(each) in repeated, wanted=self._is_wanted(each, batches),
            )
            for each in candidates
        ]  # fmt: skip

    async def _states(self, readable: Sequence[Candidate]) -> dict[int, dict[str, Any]]:
        """Give state and supersession by place in the log: an event may stand there twice."""
        if not readable:
            return {}
        kind = _KINDS.get(readable[0].record.topic)
        if kind is None:
            return await self._reports(readable)
        rows = await self._pool.fetch(_sql.inputs, kind, [each.event_id for each in readable])
        known = {row["event_id"]: row for row in rows}
        return {
            each.record.offset << 16 | each.record.partition: {
                "state": row["turn_state"] or ("parked" if row["input_state"] == "parked" else _ended(row["input_state"])),
                "superseded": row["superseded"],
            }
            for each in readable
            if (row := known.get(each.event_id)) is not None
        }

    async def _reports(self, readable: Sequence[Candidate]) -> dict[int, dict[str, Any]]:
        """A report is done when the send has been reported as far; one of a message that is not ours, too."""
        steps = [report_step(each.value) for each in readable]
        own = [str(step["own_id"]) for step in steps if step["own_id"]]
        rows = await self._pool.fetch(_sql.reports, own, [step["sid"] for step in steps if step["sid"]])
        ranks = {row[name]: row["status_rank"] for row in rows for name in ("own_id", "sid") if row[name]}
        found = {}
        for each, step in zip(readable, steps, strict=True):
            rank = ranks.get(step["own_id"], ranks.get(step["sid"]))
            if rank is None or rank >= step["rank"]:
                found[each.record.offset << 16 | each.record.partition] = {"state": "done"}
        return found

    async def _repeated(self, readable: Sequence[Candidate]) -> set[str]:
        if self._replay is None:
            return set()
        rows = await self._pool.fetch(_sql.repeated, [self._repetition(each) for each in readable])
        return {row["event_id"] for row in rows}

    def _repetition(self, candidate: Candidate) -> str:
        """As `wm_repeat` names it."""
        digest = hashlib.md5(candidate.event_id.encode(), usedforsecurity=False).hexdigest()
        return f"replay:{self._replay}:{digest}"

    def _is_wanted(self, candidate: Candidate, batches: dict[str, str | None]) -> bool:
        if self._wanted.number is not None and candidate.key != self._wanted.number:
            return False
        if self._wanted.batch is None:
            return True
        of_call = getattr(candidate.value, "batch_id", None)
        return (of_call or batches.get(candidate.key)) == self._wanted.batch


def _ended(input_state: str) -> str:
    return "unanswered" if input_state == "unanswered" else "done"
