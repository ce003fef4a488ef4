"""What the rules of this build would decide of old events, compared with what was decided. Nothing is written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.pool import Pool
from db.queries import load
from schemas.errors import InvalidInput
from schemas.events import CallCompleted, ConversationEvent, Event, InboundMessage, MessageStatus
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.conversation.call_status import CallStatuses
from streams.conversation.delivery import report_step
from streams.conversation.inbound import described
from streams.conversation.keywords import Keywords
from streams.conversation.wording import Client, Wording
from streams.replay.candidates import Wanted
from streams.replay.reader import Record
from streams.vendors import split_message, to_whatsapp

Json = dict[str, Any]
_sql = load("replay")

TOPICS = (CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS, CONVERSATION_EVENT)
# Enough to see what a change does; the counts are of all.
_MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: the decision; `was`, `now`: what was decided, what would be; `origin`: topic/partition/offset."""

    origin: str
    event_id: str
    what: str
    was: Any
    now: Any


@dataclass(slots=True)
class Comparison:
    """`compared`: decisions by kind; `differing`: of these, by kind; `unknown`: events the journal never saw."""

    compared: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    unreadable: int = 0
    shown: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        self.compared[difference.what] += 1
        if difference.was != difference.now:
            self.differing[difference.what] += 1
            if len(self.shown) < _MOST_SHOWN:
                self.shown.append(difference)


class Rules:
    """The decisions of this build with these settings. Pure."""

    def __init__(self, settings: Settings) -> None:
        self._keywords = Keywords.of(settings)
        self._statuses = CallStatuses(settings)
        self._wording = Wording(settings)

    def message(self, message: InboundMessage, recorded: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        intent = self._keywords.intent(message.params)
        kind = intent.kind if intent else None
        return [("text", recorded["text"], described(message.params)), ("intent", recorded["intent"], kind)]

    def call(self, call: CallCompleted, recorded: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        begins = self._statuses.opening(call.recipient.status) is not None
        decisions: list[tuple[str, Any, Any]] = [("begins", recorded["body"] is not None, begins)]
        if begins and recorded["body"] is not None and recorded["is_present"] and not recorded["is_template"]:
            client = Client(name=call.client_name, call=call.model_dump(mode="json"), summary=recorded["summary"])
            decisions.append(("first message", recorded["body"], self._wording.first(client, window_is_open=True).body))
        return decisions

    def report(self, report: MessageStatus, recorded: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        step = report_step(report)
        if recorded["status"] != step["status"]:
            return []  # not the furthest one, so its rank is not recorded
        return [("rank", recorded["status_rank"], step["rank"])]

    def answer(self, event: ConversationEvent) -> list[tuple[str, Any, Any]]:
        data = event.data
        if event.type != "answered" or data.get("kind") != "reply" or data.get("rule"):
            return []
        was = [part["body"] for part in data.get("parts", [])]
        now = [part for part in split_message(to_whatsapp(data.get("text") or "")) if part.strip()]
        return [("parts", was, now)]


class WhatIf:
    """Compares the events of one topic."""

    def __init__(self, settings: Settings, pool: Pool, wanted: Wanted) -> None:
        self._rules = Rules(settings)
        self._pool = pool
        self._wanted = wanted
        self.result = Comparison()

    async def compare(self, records: Sequence[Record]) -> None:
        """Compare some records of one topic."""
        topic = records[0].topic
        if topic == CONVERSATION_EVENT:
            self._answers(records)
        elif topic == CALL_COMPLETED:
            await self._recorded(records, CallCompleted, _sql.recorded_calls, _event_id, self._rules.call)
        elif topic == INBOUND_MESSAGE:
            await self._recorded(records, InboundMessage, _sql.recorded_texts, _event_id, self._rules.message)
        else:
            await self._recorded(records, MessageStatus, _sql.recorded_reports, _sid, self._rules.report)

    async def _recorded(
        self, records: Sequence[Record], model: type[Event], query: str, key: Callable[[Any], str], rule: Callable[..., Any]
    ) -> None:
        values = [(record, value) for record in records if (value := self._read(record, model)) is not None]
        rows = await self._pool.fetch(query, [key(value) for _, value in values])
        known = {row["sid" if key is _sid else "event_id"]: row for row in rows}
        for record, value in values:
            if (row := known.get(key(value))) is None:
                self.result.unknown += 1
                continue
            for what, was, now in rule(value, row):
                self.result.add(Difference(record.origin, value.event_id, what, was, now))

    def _answers(self, records: Sequence[Record]) -> None:
        for record in records:
            if (event := self._read(record, ConversationEvent)) is not None:
                for what, was, now in self._rules.answer(event):
                    self.result.add(Difference(record.origin, event.event_id, what, was, now))

    def _read(self, record: Record, model: type[Event]) -> Any:  # noqa: ANN401 - one of the topics' models
        try:
            value: Any = model.from_json(record.value or b"")
            key = value.phone_number if isinstance(value, ConversationEvent) else value.key
        except InvalidInput:
            self.result.unreadable += 1
            return None
        if self._wanted.number is not None and key != self._wanted.number:
            return None
        if self._wanted.batch is not None and getattr(value, "batch_id", None) != self._wanted.batch:
            return None
        return value


def _event_id(value: Any) -> str:  # noqa: ANN401
    return str(value.event_id)


def _sid(value: Any) -> str:  # noqa: ANN401
    return str(value.params.get("MessageSid"))
