"""A turn as the journal has it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

Json = dict[str, Any]
SendState = Literal["planned", "intended", "accepted", "refused", "held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One outgoing message. `own_id`: UUID; `age_seconds`: since Twilio was about to be asked last, None: never."""

    own_id: str
    to_address: str
    body: str
    content: Json | None = None
    state: SendState = "planned"
    tries: int = 0
    sid: str | None = None
    age_seconds: float | None = None

    def plan(self) -> Json:
        """Give what the journal needs to plan it."""
        return {"own_id": self.own_id, "to_address": self.to_address, "body": self.body, "content": self.content}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An event that the turn answers. `payload`: the call's body, or of a message the journal's input.

    `trace`: the `traceparent` with which it came.
    """

    event_id: str
    payload: Json
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A call's first message, or the answer to one or more messages.

    `age_seconds`: since it began, over all tries; `answered_at`: by the database's clock, aware, UTC; `details`: what
    ElevenLabs knows of the call, once fetched; `call`: the body of `call-completed`; `rule`: what the rules decided at
    its beginning (db/sql/functions/15_rules.sql); `last_inbound_at`: when the client wrote last, aware, UTC;
    `meanwhile_from`: messages with a higher id were said while a person stood in for the agent, which has not been asked
    since;
    `suspect_since`: from when on messages may have been sent for its events that a restored journal does not know;
    `agent_changed`: the agent is not the call's any more.
    """

    id: int
    kind: Literal["call", "reply", "again", "write"]
    state: Literal["begun", "answered", "done", "failed"]
    phone_number: str
    partition: int
    conversation_id: int
    request_id: str | None
    address: str
    age_seconds: float
    answered_at: datetime | None
    client_name: str | None
    agent_id: str
    elevenlabs_conversation_id: str
    call_summary: str | None = None
    call: Json | None = None
    details: Json | None = None
    rule: Json | None = None
    last_inbound_at: datetime | None = None
    meanwhile_from: int | None = None
    suspect_since: datetime | None = None
    agent_changed: bool = False
    members: list[Member] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)

    @classmethod
    def from_row(cls, row: Json) -> Self:
        """Read what `wm_turn` gives."""
        row["members"] = [Member(**member) for member in row["members"]]
        row["sends"] = [Send(**send) for send in row["sends"]]
        for name in ("answered_at", "last_inbound_at", "suspect_since"):
            row[name] = datetime.fromisoformat(row[name]) if row[name] else None
        return cls(**row)

    def answered(self, at: str, sends: list[Send], call_summary: str | None, *, may_send: bool) -> Self:
        """Give the turn as it is once its answer is recorded: the first message is intended with it, if it may be sent.

        `at`: the database's clock, ISO 8601; `call_summary`: what was learnt of the call with the answer, None: nothing.
        """
        first = [replace(send, state="intended", tries=1, age_seconds=0.0) if may_send else send for send in sends[:1]]
        summary = self.call_summary if call_summary is None else call_summary
        known = datetime.fromisoformat(at)
        return replace(self, state="answered", answered_at=known, call_summary=summary, sends=[*first, *sends[1:]])

    @property
    def trace(self) -> str | None:
        """The trace in which its first event came, however long it waited."""
        return next((member.trace for member in self.members if member.trace), None)

    @property
    def notice(self) -> str | None:
        """The text of ours that is sent besides an answer: `opted_out`, `opted_in`, `escalated`."""
        return (self.rule or {}).get("notice")

    @property
    def is_silent(self) -> bool:
        """Whether the agent is not asked."""
        return bool((self.rule or {}).get("silent"))

    @property
    def again(self) -> Json:
        """What is sent once more: `text` as a template, or `parts` as they were; `kind` of the turn that said it. Empty for
        other turns.
        """
        found: Json = (self.rule or {}).get("again") or {}
        return found

    @property
    def written(self) -> Json:
        """The command with which an operator writes; empty for other turns."""
        found: Json = (self.rule or {}).get("write") or {}
        return found

    @property
    def questions(self) -> list[Member]:
        """The members that are for the agent: not those that were commands to us."""
        commands = (self.rule or {}).get("keywords", ())
        return [member for member in self.members if member.event_id not in commands]
