"""Logs of former builds are folded: state and rows are what they were, and open work goes on."""

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rules.codec import state_json, state_of
from rules.earlier_turns import Memory
from rules.earlier_values import time_of
from rules.earlier_versions import fold
from rules.state import Conversation
from schemas.events import ConversationEvent
from tests.support.tables import Tables

RECORDED = Path(__file__).parents[1] / "recorded"
_SAME = (
    "client_name",
    "agent_id",
    "batch_id",
    "recipient_id",
    "elevenlabs_conversation_id",
    "status",
    "address",
    "call_summary",
    "call_duration_secs",
    "message_count",
)


def recorded(version: int) -> list[ConversationEvent]:
    lines = (RECORDED / f"conversation-event.v{version}.jsonl").read_text().splitlines()
    return [ConversationEvent.from_json(line.encode()) for line in lines]


def folded(events: list[ConversationEvent]) -> tuple[Conversation, Tables]:
    state, tables, known = Conversation(key=events[0].phone_number), Tables(), Memory(count(1000).__next__)
    for event in events:
        state, changes = fold(known, state, event)
        for change in changes:
            tables.apply(change)
    return state, tables


def of(events: list[ConversationEvent], kind: str) -> list[dict[str, Any]]:
    return [event.data for event in events if event.type == kind]


def row_of(events: list[ConversationEvent]) -> dict[str, Any]:
    """The row as the events tell it: as it began, and its changing columns since."""
    started = events[0].data
    row = dict(
        started.get("row")
        or {"status": "active"} | {name: started.get(name) for name in _SAME[:3] + _SAME[4:5]}
    )
    for event in events:
        learned = {
            name: event.data[name] for name in ("call_summary", "call_duration_secs") if name in event.data
        }
        row.update(event.state | learned)
    return row


@pytest.mark.parametrize("version", [1, 2])
def test_the_conversations_row_is_what_it_was(version: int) -> None:
    events = recorded(version)
    state, tables = folded(events)
    before = row_of(events)
    for name in (name for name in _SAME if name in before):
        assert tables.row[name] == before[name], name
    assert (state.id, state.number) == (events[-1].conversation_id, events[-1].number)
    assert tables.row["message_count"] == len(tables.messages) == 4
    assert state_of(state_json(state)) == state


def test_times_are_those_of_the_row() -> None:
    events = recorded(2)
    _, tables = folded(events)
    before = row_of(events)
    for name in ("started_at", "last_message_at", "last_inbound_at", "closed_at"):
        assert tables.row.get(name) == time_of(before[name]), name


def test_messages_and_sends_are_what_they_were() -> None:
    events = recorded(2)
    _, tables = folded(events)
    told = [*of(events, "received"), *of(events, "sent")]
    assert set(tables.messages) == {data["message_id"] for data in told}
    for data in told:
        row, sent_at = tables.messages[data["message_id"]], data.get("sent_at") or data.get("received_at")
        assert row["direction"] == ("outbound" if "own_id" in data else "inbound")
        assert (row["content"], row["twilio_message_id"]) == (
            data["content"],
            data.get("sid") or data.get("message_sid"),
        )
        assert row["sent_at"] == time_of(sent_at)
    for data in of(events, "answered"):
        for place, part in enumerate(data["parts"]):
            send = tables.sends[part["own_id"]]
            assert (send["turn_id"], send["part"]) == (data["turn_id"], place)
            assert (send["to_address"], send["content"]) == (part["to_address"], part["content"])
    for data in of(events, "sent"):
        send = tables.sends[data["own_id"]]
        assert (send["sid"], send["body"], send["state"]) == (data["sid"], data["content"], "accepted")
    last = {event.data["own_id"]: event.data for event in events if "rank" in event.data}
    for own_id, data in last.items():
        send = tables.sends[own_id]
        assert (send["rank"], send["status"]) == (data["rank"], data["status"])


def test_version_1_told_no_ids_and_its_messages_are_all_there() -> None:
    events = recorded(1)
    _, tables = folded(events)
    texts = [(row["direction"], row["content"]) for row in tables.messages.values()]
    kinds = {"sent": "outbound", "received": "inbound"}
    assert texts == [
        (kinds[each.type], each.data.get("content") or "") for each in events if each.type in kinds
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_every_beginning_of_a_log_can_be_folded(version: int) -> None:
    events = recorded(version)
    for length in range(1, len(events) + 1):
        state, tables = folded(events[:length])
        assert state.number == length
        assert state.message_count == len(tables.messages)


def test_what_was_open_is_open_and_an_answered_message_is_looked_up() -> None:
    events = recorded(2)
    state, _ = folded(events[:4])
    assert [each.text for each in state.questions] == [events[3].data["content"]]
    state, _ = folded(events[:5])
    assert state.turn is not None
    assert [(part.state, part.body) for part in state.turn.parts] == [("unknown", events[4].data["text"])]
    state, _ = folded(events)
    assert state.is_idle, "the last turn was refused"


class Log:
    """Writes events of version 2 as db/sql/functions does: what `schemas/README.md` says of them."""

    def __init__(self) -> None:
        self.events = recorded(2)[:3]

    def add(self, kind: str, data: dict[str, Any], **row: object) -> "Log":
        last = self.events[-1]
        at = last.at + timedelta(seconds=1)
        state = last.state | row if kind != "erased" else {}
        over = {"type": kind, "data": data, "state": state, "at": at, "number": last.number + 1}
        self.events.append(last.model_copy(update=over | {"event_id": f"1:{last.number + 1}"}))
        return self

    def received(self, text: str, sid: str, turn: int, **more: object) -> "Log":
        count_before = self.events[-1].state["message_count"]
        data = {"message_sid": sid, "content": text, "received_at": _iso(self.events[-1].at), "turn_id": turn}
        row = {"message_count": count_before + 1, "status": self.events[-1].state["status"]}
        return self.add("received", data | {"message_id": 100 + self.events[-1].number} | more, **row)

    def answered(
        self, turn: int, *bodies: str, kind: str = "reply", rule: dict[str, Any] | None = None
    ) -> "Log":
        parts = [
            {"own_id": f"{turn}-{place}", "to_address": "whatsapp:+57", "body": body, "content": None}
            for place, body in enumerate(bodies)
        ]
        data = {
            "turn_id": turn,
            "kind": kind,
            "parts": parts,
            "rule": rule,
            "reply": {"text": "x"},
            "text": "x",
        }
        return self.add("answered", data)

    def sent(self, turn: int, place: int, body: str, *, is_last: bool, kind: str = "reply") -> "Log":
        count_before = self.events[-1].state["message_count"]
        data = {
            "own_id": f"{turn}-{place}",
            "sid": f"SM{turn}{place}",
            "content": body,
            "kind": kind,
            "turn_id": turn,
        }
        data |= {"part": place, "message_id": 200 + self.events[-1].number, "is_last": is_last, "answers": []}
        return self.add("sent", data, message_count=count_before + 1)

    def fold(self) -> tuple[Conversation, Tables]:
        return folded(self.events)


def _iso(at: datetime) -> str:
    return at.isoformat()


def test_a_stop_its_confirmation_and_a_start() -> None:
    log = Log().received("STOP", "SM1", 2).add("opted_out", {"by": "client", "message_sid": "SM1"})
    rule = {"notice": "opted_out", "silent": True, "keywords": ["SM1"]}
    log.add("decided", {"turn_id": 2, "rule": rule}).answered(2, "Adiós", rule=rule).sent(
        2, 0, "Adiós", is_last=True
    )
    state, tables = log.fold()
    assert (state.is_idle, state.opt_out is not None) == (True, True)
    assert tables.suppressed == {"source": "client"}
    state, tables = log.add("opted_in", {"by": "client", "message_sid": "SM2"}).fold()
    assert (state.opt_out, tables.suppressed) == (None, None)


def test_who_speaks_and_what_operators_did() -> None:
    payload = {"command": "write", "by": "ana", "text": "Soy Ana", "command_id": "k2"}
    given = {"kind": "command", "event_id": "k2", "payload": payload, "position": 17, "outcome": None}
    log = Log().add(
        "escalated", {"by": "operator", "operator": "ana", "command_id": "k1"}, status="escalated"
    )
    log.add("commanded", {"command_id": "k2", "turn_id": None, "input": given})
    state, _ = log.fold()
    assert ([each.event_id for each in state.inbox], state.position) == (["k2"], 17)
    log.add("commanded", {"command_id": "k2", "turn_id": 3, "input": given})
    log.answered(3, "Soy Ana", kind="write", rule={"write": payload})
    log.sent(3, 0, "Soy Ana", is_last=True, kind="operator")
    state, tables = log.fold()
    assert (state.is_idle, state.status) == (True, "escalated")
    assert tables.outcome("command", "k2")["state"] == "done"


def test_what_came_back_goes_out_once_more() -> None:
    log = Log().received("hola", "SM1", 2).answered(2, "uno", "dos").sent(2, 0, "uno", is_last=False)
    log.sent(2, 1, "dos", is_last=True)
    report = {"what": "delivery", "own_id": "2-1", "sid": "SM21", "status": "failed", "rank": 6, "turn_id": 2}
    log.add("failed", report | {"kind": "reply", "code": "63018", "again": True, "message_id": None})
    state, tables = log.fold()
    [back] = state.came_back
    assert ([part.body for part in back.parts], back.turn_id, tables.sends["2-1"]["came_back"]) == (
        ["dos"],
        2,
        True,
    )
    again = {"turn_id": 2, "kind": "reply", "times": 1, "since": _iso(log.events[0].at)}
    parts = [{"own_id": "2-1", "turn_id": 2, "is_sent": True, "place": 1}]
    log.answered(3, "dos", kind="again", rule={"again": again | {"parts": parts}}).sent(
        3, 0, "dos", is_last=True
    )
    state, _ = log.fold()
    assert state.is_idle


def test_a_held_turn_that_was_reopened_is_looked_up() -> None:
    log = Log().received("hola", "SM1", 2).answered(2, "uno", "dos")
    log.add(
        "failed", {"what": "reply", "turn_id": 2, "code": "0", "error": {"status": 422}, "send_state": "held"}
    )
    state, tables = log.fold()
    assert (state.is_idle, tables.sends["2-0"]["state"]) == (True, "held")
    state, _ = log.add("reopened", {"turn_id": 2, "turn_state": "answered"}).fold()
    assert state.turn is not None
    assert [part.state for part in state.turn.parts] == ["unknown", "unknown"]


def test_an_input_that_a_replay_did_again_has_its_turn() -> None:
    given = {
        "kind": "message",
        "event_id": "replay:r:1",
        "payload": {"text": "hola"},
        "received_at": "2026-01-01",
    }
    log = Log().add("repeated", {"turn_id": 4, "kind": "reply", "replay": "r", "input": given})
    state, _ = log.fold()
    assert [(each.text, each.replay) for each in state.inbox] == [("hola", "r")]
    state, _ = log.answered(4, "uno").sent(4, 0, "uno", is_last=True).fold()
    assert state.is_idle


def test_what_was_learned_later_and_another_agent() -> None:
    learned = {"call_summary": "s", "call_duration_secs": 9, "metadata": {"details": {"transcript": []}}}
    changed = {"agent_id": "a2", "before": "a1", "by": "operator", "operator": "ana", "command_id": "k1"}
    state, tables = Log().add("details", learned).add("agent_changed", changed, agent_id="a2").fold()
    assert (tables.row["call_summary"], tables.row["call_duration_secs"], tables.row["agent_id"]) == (
        "s",
        9,
        "a2",
    )
    assert (state.summary, state.agent_changed) == ("s", True)


def test_after_an_erasure_nothing_is_left_and_what_follows_begins_anew() -> None:
    log = Log().received("hola", "SM1", 2).add("erased", {})
    state, tables = log.fold()
    assert (state.erased, tables.conversations, tables.messages) == (True, {}, {})


def test_a_type_that_nobody_knows_changes_the_number_alone() -> None:
    log = Log()
    before, _ = log.fold()
    after, _ = log.add("parked", {}).fold()
    assert (after.number, after.turn, after.inbox) == (before.number + 1, before.turn, before.inbox)
