"""Events and states as JSON."""

import json
from dataclasses import fields

import pytest

from rules import inputs as i
from rules.codec import (
    data_of,
    envelope,
    event_of,
    logged,
    published,
    recorded_of,
    state_json,
    state_of,
    type_of,
)
from rules.state import Conversation
from tests.support.chat import NUMBER, Chat, policy_of, talking


def test_the_three_kinds_of_failed_are_told_apart() -> None:
    chat = talking()
    chat.exchange()
    delivery, _ = chat.fails(chat.sent_ids()[-1], "final", "63024")
    chat.accept()
    chat.write("¿precio?", "SM1")
    [agent] = chat.give(i.AgentFailed(question=("SM1",), retryable=False, why="gone", slot=True))
    turn, _ = chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no", code="63003"))
    assert [data_of(event)["what"] for event in (delivery, agent, turn)] == ["delivery", "agent", "reply"]
    for event in (delivery, agent, turn):
        assert event_of(type_of(event), data_of(event)) == event


def test_who_speaks_next_names_the_type() -> None:
    chat = talking()
    chat.command("escalate")
    chat.command("resume")
    chat.command("close")
    names = [type_of(each.event) for each in chat.events]
    assert [name for name in names if name in ("escalated", "resumed", "closed")] == [
        "escalated",
        "resumed",
        "closed",
    ]


def test_an_unknown_type_and_data_that_does_not_fit_are_said() -> None:
    with pytest.raises(KeyError):
        event_of("teleported", {})
    with pytest.raises(ValueError, match="message_sid"):
        event_of("received", {"content": "hola"})


def test_what_is_unknown_in_the_data_is_left_out() -> None:
    assert event_of("opted_in", {"by": "client", "mood": "good"}) == event_of("opted_in", {"by": "client"})


def test_the_log_keeps_what_is_published_and_brings_it_back() -> None:
    chat = talking()
    before, chat_events = Conversation(key=NUMBER), chat.events
    row = logged(chat_events[0], chat.state, 7)
    assert (row.sequence, recorded_of(row, 1)) == (7, chat_events[0])
    value, _ = published(row, NUMBER, 1)
    assert json.loads(value) == envelope(chat_events[0], chat.state)
    assert json.loads(value)["schema_version"] == 3
    assert before.key == NUMBER


def test_the_trace_of_a_turn_goes_with_what_is_published() -> None:
    chat = talking()
    chat.write("¿precio?", trace="00-1-2-01")
    chat.answer()
    rows = [logged(each, chat.state, 1) for each in chat.events[-2:]]
    assert [published(row, NUMBER, 1)[1] for row in rows] == ["00-1-2-01", "00-1-2-01"]


def test_a_state_is_small_and_comes_back_whole() -> None:
    chat = Chat(policy_of(campaign_messages_per_minute=1))
    assert state_json(chat.state) == b'{"key":"+573138539155"}'
    chat.call(batch_id="b1")
    chat.write("hola")
    chat.command("write", text="Soy Ana")
    assert state_of(state_json(chat.state)) == chat.state
    assert len(state_json(chat.state)) < 3_000


def test_what_a_later_build_added_to_a_state_is_left_out() -> None:
    chat = talking()
    added = json.loads(state_json(chat.state)) | {"mood": "good"}
    assert state_of(json.dumps(added)) == chat.state
    assert "mood" not in {each.name for each in fields(Conversation)}
