"""A call ends: a conversation begins, begins anew, or does not follow."""

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import Answered, Started
from tests.support.chat import Chat, policy_of, talking, types

TEMPLATE = {
    "twilio_first_message_content_sid": "HX" + "a" * 32,
    "twilio_first_message_content_variables": '{"1": "{client_name}"}',
}
REOPENING = {
    "twilio_reopen_content_sid": "HX" + "b" * 32,
    "twilio_reopen_content_variables": '{"1": "{text}"}',
}


def test_the_first_message_is_personal_and_its_outcome_is_told() -> None:
    chat = Chat()
    chat.call(batch_id="b1")
    chat.greet()
    [text] = chat.said()
    assert "Ana" in text
    assert chat.tables.outcome("call", "conv_1")["state"] == "done"
    assert chat.tables.outcome("call", "conv_1")["sid"].startswith("MM")
    assert (chat.tables.row["status"], chat.tables.row["batch_id"]) == ("active", "b1")
    assert chat.tables.row["call_summary"] == "Quiere el plan oro"


def test_the_first_message_waits_no_longer_for_the_summary_than_it_may() -> None:
    chat = Chat(policy_of(summary_wait_seconds=1.5))
    chat.call()
    [fetch] = chat.wanted()
    assert isinstance(fetch, f.FetchDetails)
    assert fetch.seconds == 1.5
    assert types(chat.greet(summary=None, seconds=None)) == ["details", "answered", "sent"]
    assert chat.state.lookups is not None, "it is asked for later"


@pytest.mark.parametrize(("settings", "is_template"), [(TEMPLATE, True), ({}, False)])
def test_outside_the_window_the_first_message_is_the_template(
    settings: dict[str, str], is_template: bool
) -> None:
    chat = talking(**settings)
    [send] = chat.tables.sends.values()
    assert (send["content"] is not None) == is_template


def test_inside_the_window_the_first_message_is_text() -> None:
    chat = talking(**TEMPLATE)
    chat.exchange()
    chat.call("conv_2")
    chat.greet()
    assert [send["content"] is not None for send in chat.tables.sends.values()] == [True, False, False]


def test_where_only_the_later_template_is_set_it_carries_the_first_message() -> None:
    chat = talking(**REOPENING)
    [send] = chat.tables.sends.values()
    assert send["content"]["content_sid"] == REOPENING["twilio_reopen_content_sid"]


def test_a_new_call_begins_anew_in_the_same_row_and_the_former_is_archived() -> None:
    chat = talking()
    chat.exchange()
    before = chat.tables.row["id"]
    chat.call("conv_2", agent_id="agent_2")
    [started] = [each.event for each in chat.events if isinstance(each.event, Started)][1:]
    assert started.former is not None
    chat.greet(summary="Otra cosa")
    row = chat.tables.row
    assert (row["id"], row["agent_id"], row["elevenlabs_conversation_id"]) == (before, "agent_2", "conv_2")
    assert [call["elevenlabs_conversation_id"] for call in row["metadata"]["calls"]] == ["conv_1"]
    assert row["metadata"]["calls"][0]["call_summary"] == "Quiere el plan oro"
    assert (row["call_summary"], row["message_count"]) == ("Otra cosa", 4)


def test_what_is_archived_is_how_the_call_stood_when_the_next_began() -> None:
    chat = talking()
    chat.write("¿precio?")
    chat.call("conv_2")
    chat.call("conv_3")
    chat.answer()
    chat.accept()
    chat.greet(summary="La segunda")
    assert chat.state.elevenlabs_conversation_id == "conv_3"
    calls = chat.tables.row["metadata"]["calls"]
    assert [call["elevenlabs_conversation_id"] for call in calls] == ["conv_1", "conv_2"]
    assert calls[1]["call_summary"] == "La segunda"


def test_the_same_call_again_begins_nothing_also_while_it_waits() -> None:
    chat = talking()
    chat.write("¿precio?")
    assert types(chat.call("conv_2")) == ["queued"]
    assert chat.call("conv_2") == []
    assert chat.call("conv_1") == []
    chat.answer()
    chat.accept()
    assert [each.event_id for each in chat.state.inbox] == []
    assert chat.call("conv_2") == []


def test_a_closed_conversation_is_active_again_after_a_call() -> None:
    chat = talking()
    chat.command("close")
    chat.call("conv_2")
    assert (chat.state.status, chat.tables.row["status"], chat.tables.row["closed_at"]) == (
        "active",
        "active",
        None,
    )


def test_a_call_to_who_opted_out_is_409_and_says_since_when() -> None:
    chat = talking()
    chat.write("STOP")
    chat.accept()
    assert types(chat.call("conv_2")) == ["declined"]
    error = chat.tables.outcome("call", "conv_2")["error"]
    assert (error["status"], error["error"]) == (409, "The number has opted out")
    assert "2026-03-02" in error["details"]
    assert chat.state.elevenlabs_conversation_id == "conv_1"


def test_calls_that_were_no_calls_get_another_text_or_none() -> None:
    chat = Chat(policy_of(call_status_actions='{"voicemail": "none", "failed": "no_answer"}'))
    assert types(chat.call("conv_1", status="voicemail")) == ["declined"]
    assert chat.tables.outcome("call", "conv_1") == {"state": "done", "sid": None}
    assert (chat.tables.conversations, chat.state.has_begun) == ({}, False)
    chat.call("conv_2", status="failed")
    chat.greet()
    assert chat.said()[0] != talking().said()[0]


def test_a_call_that_waited_is_declined_when_its_turn_comes() -> None:
    chat = talking()
    chat.write("¿precio?")
    chat.call("conv_2")
    chat.write("STOP")
    chat.accept()
    assert chat.tables.outcome("call", "conv_2")["error"]["status"] == 409
    assert chat.state.is_idle


def test_a_first_message_that_says_nothing_is_not_sent() -> None:
    chat = Chat(policy_of(first_message_text="{summary}"))
    chat.call()
    [*_, answered] = chat.greet(summary=None)
    assert isinstance(answered, Answered)
    assert (answered.parts, chat.state.turn) == ((), None)
    assert chat.tables.outcome("call", "conv_1") == {"state": "done", "sid": None}


def test_a_name_longer_than_its_column_is_cut() -> None:
    chat = Chat()
    chat.call(call_metadata={"client_name": "A" * 300})
    assert len(chat.tables.row["client_name"]) == 255
    assert len(chat.tables.row["metadata"]["call"]["call_metadata"]["client_name"]) == 300


def test_a_template_is_kept_as_the_vendor_filled_it_in() -> None:
    chat = Chat(policy_of(**TEMPLATE))
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendAccepted(own_id=own_id, sid="MM9", body="Hola Ana, texto de la plantilla"))
    assert chat.said() == ["Hola Ana, texto de la plantilla"]
