"""A number is erased: nothing of it is left, and nothing brings it back."""

import pytest

from rules import inputs as i
from rules.codec import state_json
from rules.events import Erased
from rules.state import Conversation
from schemas.events import MessageStatus
from tests.support.chat import NUMBER, START, Chat, talking, types


def erase(chat: Chat, command_id: str = "k1") -> list[str]:
    return types(chat.command("erase", command_id=command_id))


def test_nothing_is_left_but_the_opt_out() -> None:
    chat = talking()
    chat.exchange()
    chat.write("STOP")
    chat.accept()
    opted_out = chat.state.opt_out
    assert erase(chat) == ["erased"]
    assert chat.state == Conversation(key=NUMBER, number=chat.state.number, opt_out=opted_out, erased=True)
    assert (chat.tables.conversations, chat.tables.messages, chat.tables.sends) == ({}, {}, {})
    assert set(chat.tables.seen.values()) == {""}
    assert chat.tables.outcome("command", "k1") == {"command": "erase", "state": "done", "changed": True}


@pytest.mark.parametrize("until", [None, 0, 7])
def test_it_takes_what_waited_for_kafka_when_it_was_asked_for(until: int | None) -> None:
    [erased] = talking().command("erase", spooled_until=until)
    assert isinstance(erased, Erased)
    assert erased.spooled_until == until


def test_a_number_of_which_nothing_is_kept() -> None:
    chat = Chat()
    assert erase(chat) == ["erased"]
    assert chat.tables.outcome("command", "k1") == {"command": "erase", "state": "done", "changed": False}
    assert erase(chat, "k2") == ["erased"]


def test_the_log_delivered_again_begins_nothing_and_a_new_call_does() -> None:
    chat = talking()
    chat.write("hola", "SM1")
    before = chat.state.id
    erase(chat)
    assert chat.call("conv_1") == []
    assert chat.write("hola", "SM1") == []
    assert types(chat.call("conv_2")) == ["started"]
    assert (chat.state.number, chat.state.id) == (1, (before or 0) + 1), "a conversation of its own"


def test_what_waits_is_over_and_who_asked_for_it_is_told() -> None:
    chat = talking()
    chat.exchange()
    chat.write("¿y?")
    chat.call("conv_2")
    chat.command("write", text="hola", command_id="k9")
    erase(chat)
    assert chat.tables.outcome("call", "conv_2")["error"]["error"] == "The number was erased"
    assert chat.tables.outcome("command", "k9")["state"] == "refused"
    assert chat.wanted() == []


def test_a_first_message_under_way_has_its_outcome_once() -> None:
    chat = Chat()
    chat.call()
    erase(chat)
    assert [outcome["state"] for outcome in chat.tables.outcomes["call", "conv_1"]] == ["failed"]
    chat = talking()
    erase(chat)
    assert [outcome["state"] for outcome in chat.tables.outcomes["call", "conv_1"]] == ["done"]


def test_the_result_of_a_send_that_was_under_way_finds_nobody() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer("uno\n\ndos")
    [send] = chat.sends()
    erase(chat)
    assert chat.wanted() == []
    assert chat.give(i.SendAccepted(own_id=send.part.own_id, sid="MM1")) == []
    assert chat.report(send.part.own_id, "delivered", sid="MM1") == []


def test_reports_that_wait_for_their_message_go_too_however_the_number_is_spelled() -> None:
    params = {"MessageSid": "MM1", "MessageStatus": "sent", "To": "whatsapp:+5215587654321"}
    report = MessageStatus(event_id="MM1:sent", received_at=START, params=params)
    assert report.key == "+525587654321", "it waits with the number that it is of"
    chat = talking()
    chat.write("hola")
    chat.answer()
    chat.give(i.DeliveryReported(sid="MM1", status="sent", rank=3, at=chat.now))
    erase(chat)
    assert b"MM1" not in state_json(chat.state)


def test_a_report_whose_send_was_read_just_before_finds_nobody() -> None:
    chat = talking()
    [own_id] = chat.sent_ids()
    known = chat.known_send(own_id)
    erase(chat)
    assert chat.report(own_id, "delivered", sid="MM1", send=known) == []
    chat.call("conv_2")
    chat.greet()
    assert chat.report(own_id, "delivered", sid="MM1", send=known) == []


def test_messages_of_an_unknown_number_go_too() -> None:
    chat = Chat()
    chat.write("hola")
    erase(chat)
    assert chat.tables.outcome("command", "k1") == {"command": "erase", "state": "done", "changed": True}
    chat.call()
    assert chat.state.inbox == ()
