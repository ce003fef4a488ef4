"""Operators' commands: their order among a number's messages, and what each changes."""

from typing import Any

import pytest

from rules import inputs as i
from rules.state import replace
from tests.support.chat import Chat, policy_of, talking, types

TEMPLATE = "HX" + "a" * 32


def outcome(chat: Chat, command_id: str) -> dict[str, object]:
    return chat.tables.outcome("command", command_id)


def written_to(**settings: object) -> Chat:
    """A conversation in which the client has written just now."""
    chat = talking(**settings)
    chat.exchange()
    return chat


def test_each_command_says_what_it_did_and_is_done_once() -> None:
    chat = talking()
    for place, (name, status) in enumerate(
        [("escalate", "escalated"), ("resume", "active"), ("close", "closed")]
    ):
        chat.command(name, command_id=f"k{place}")
        assert chat.command(name, command_id=f"k{place}") == []
        done = {"command": name, "state": "done", "changed": True}
        assert (chat.state.status, outcome(chat, f"k{place}")) == (status, done)
    assert types(chat.command("close", command_id="k9")) == ["commanded"]
    assert outcome(chat, "k9") == {"command": "close", "state": "done", "changed": False}


def test_writing_is_a_turn_with_the_operators_name() -> None:
    chat = written_to()
    assert types(chat.command("write", by="ana", text="Soy Ana\n\nDígame", command_id="k1")) == [
        "commanded",
        "queued",
        "answered",
    ]
    chat.accept()
    assert chat.said()[-2:] == ["Soy Ana", "Dígame"]
    newest = list(chat.tables.messages.values())[-1]
    assert (newest["metadata"]["by"], newest["metadata"]["operator"]) == ("operator", "ana")
    wanted = {"command": "write", "state": "done", "changed": True, "sid": newest["twilio_message_id"]}
    assert outcome(chat, "k1") == wanted


def test_a_template_of_the_operators_goes_as_it_is() -> None:
    chat = talking()
    chat.command("write", content_sid=TEMPLATE, content_variables={"1": "Ana"}, command_id="k1")
    [send] = [each for each in chat.tables.sends.values() if each["turn_kind"] == "write"]
    assert send["content"] == {"content_sid": TEMPLATE, "content_variables": {"1": "Ana"}}
    chat.take_slot()
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM9", body="Hola Ana"))
    assert chat.said()[-1] == "Hola Ana", "as the vendor filled it in"


@pytest.mark.parametrize(
    ("address", "is_refused"), [("", False), ("whatsapp:+573138539199", False), ("whatsapp:CO.1", True)]
)
def test_an_authentication_template_goes_to_a_number_alone(address: str, is_refused: bool) -> None:
    """It is the address that counts to which the person is written, not the one that the operator knows."""
    chat = talking()
    chat.state = replace(chat.state, address=address)
    chat.command("write", content_sid=TEMPLATE, needs_number=True, command_id="k1")
    told = chat.tables.outcomes.get(("command", "k1"), [{}])[-1]
    assert (told.get("status"), told.get("error")) == (
        (422, "The template needs a number") if is_refused else (None, None)
    )
    assert bool(chat.lane()) is not is_refused


def test_a_templates_values_are_of_one_line() -> None:
    chat = talking()
    chat.command(
        "write",
        content_sid=TEMPLATE,
        content_variables={"1": "  Ana\r\nGarcía\t\tde     la O "},
        command_id="k1",
    )
    [send] = [each for each in chat.tables.sends.values() if each["turn_kind"] == "write"]
    assert send["content"]["content_variables"] == {"1": "Ana García de la O"}


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"1": "Ana", "2": " \n\t"}, "content_variables: 2 is empty"),
        ({"1": ""}, "content_variables: 1 is empty"),
        ({"1": "x" * 1000, "2": "y" * 25}, "longer than the 1024 characters"),
    ],
)
def test_a_templates_values_that_twilio_would_refuse_are_refused_at_once(
    variables: dict[str, str], why: str
) -> None:
    chat = talking()
    assert types(
        chat.command("write", content_sid=TEMPLATE, content_variables=variables, command_id="k1")
    ) == ["commanded"]
    assert (outcome(chat, "k1")["status"], why in str(outcome(chat, "k1")["details"])) == (422, True)


def test_behind_what_is_open_writing_waits_in_its_order() -> None:
    chat = talking()
    chat.write("uno")
    assert types(chat.command("write", text="Soy Ana")) == ["commanded", "queued"]
    chat.write("dos")
    chat.answer("1")
    chat.accept()
    chat.answer("2")
    chat.accept()
    assert chat.said()[1:] == ["1", "Soy Ana", "2"]


@pytest.mark.parametrize(
    ("command", "over"), [("escalate", {}), ("write", {"text": "hola"}), ("change_agent", {"agent_id": "a"})]
)
def test_a_closed_conversation_is_resumed_first(command: str, over: dict[str, Any]) -> None:
    chat = written_to()
    chat.command("close")
    assert types(chat.command(command, command_id="k1", **over)) == ["commanded"]
    assert outcome(chat, "k1")["details"] == "resume it first"


def test_outside_the_window_only_a_template_may_be_written() -> None:
    chat = talking()
    chat.command("write", text="hola", command_id="k1")
    assert (outcome(chat, "k1")["status"], outcome(chat, "k1")["error"]) == (
        409,
        "Outside the 24-hour window",
    )
    chat.command("write", content_sid=TEMPLATE, command_id="k2")
    chat.accept()
    assert outcome(chat, "k2")["state"] == "done"
    reopening = {"twilio_reopen_content_sid": TEMPLATE, "twilio_reopen_content_variables": '{"1": "{text}"}'}
    chat = talking(**reopening)
    chat.command("write", text="hola", command_id="k3")
    chat.accept()
    assert list(chat.tables.sends.values())[-1]["content"]["content_variables"] == {"1": "hola"}


def test_who_opted_out_is_not_written_to() -> None:
    chat = written_to()
    chat.write("STOP")
    chat.accept()
    chat.command("write", text="hola", command_id="k1")
    assert (outcome(chat, "k1")["status"], outcome(chat, "k1")["error"]) == (409, "The number has opted out")


def test_a_text_that_waited_is_refused_for_what_came_meanwhile() -> None:
    chat = talking()
    chat.write("uno")
    chat.command("write", text="hola", command_id="k1")
    chat.command("close")
    assert (outcome(chat, "k1")["command"], outcome(chat, "k1")["error"]) == (
        "write",
        "The conversation is closed",
    )
    assert chat.state.is_idle


def test_a_number_without_a_conversation_is_refused() -> None:
    chat = Chat(policy_of())
    assert types(chat.command("close", command_id="k1")) == ["commanded"]
    assert outcome(chat, "k1")["status"] == 404
    assert (chat.tables.conversations, chat.state.has_begun) == ({}, False)


def test_what_another_operator_did_meanwhile_refuses_a_command_that_did_not_see_it() -> None:
    chat = talking()
    seen = chat.state.position
    chat.command("escalate", by="ana", seen=seen)
    chat.command("close", by="luis", seen=seen, command_id="k1")
    assert (outcome(chat, "k1")["status"], outcome(chat, "k1")["operator"]) == (409, "ana")
    assert chat.state.status == "escalated"
    assert types(chat.command("close", by="luis", seen=chat.state.position))[0] == "closed", (
        "one who has looked"
    )
    assert types(chat.command("resume", by="luis", seen=seen)) == ["commanded"]
    assert types(chat.command("resume", by="luis"))[0] == "resumed", "one who tells nothing of what they saw"


def test_the_same_operator_is_not_overtaken_by_themselves() -> None:
    chat = talking()
    seen = chat.state.position
    chat.command("escalate", by="ana", seen=seen)
    assert types(chat.command("close", by="ana", seen=seen))[0] == "closed"


def test_a_command_that_did_nothing_overtakes_nobody() -> None:
    chat = talking()
    seen = chat.state.position
    chat.command("resume", by="ana")
    chat.command("write", by="ana", text="hola")
    assert types(chat.command("close", by="luis", seen=seen))[0] == "closed"


def test_a_text_that_waits_is_not_overtaken_by_what_came_behind_it() -> None:
    chat = talking()
    chat.write("uno")
    seen = chat.state.position
    chat.command("write", by="ana", text="Soy Ana", seen=seen)
    chat.command("change_agent", by="luis", agent_id="agent_2")
    chat.answer("1")
    chat.accept()
    assert chat.said()[1:] == ["1", "Soy Ana"]


def test_changing_the_agent_to_the_one_that_answers_changes_nothing() -> None:
    chat = talking()
    assert types(chat.command("change_agent", agent_id="agent_1")) == ["commanded"]
    assert types(chat.command("change_agent", agent_id="agent_2")) == ["agent_changed", "commanded"]
    assert (chat.tables.row["agent_id"], chat.tables.row["metadata"]["agent_changed"]) == ("agent_2", True)


def test_an_operators_text_that_the_vendor_refuses_is_refused_with_its_words() -> None:
    chat = written_to()
    chat.command("write", text="hola", command_id="k1")
    chat.take_slot()
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="not a WhatsApp number", code="63003"))
    refused = outcome(chat, "k1")
    assert (refused["state"], refused["status"], refused["details"]) == (
        "refused",
        422,
        "not a WhatsApp number (63003)",
    )


def test_what_an_operator_writes_is_sent_word_for_word_and_an_answer_as_whatsapp_shows_it() -> None:
    chat = talking()
    chat.exchange(text="**Cuesta** 20")
    chat.command("write", text="**Soy** Ana")
    chat.accept()
    assert chat.said()[1:] == ["*Cuesta* 20", "**Soy** Ana"]
