"""The same words twice within seconds under two ids: both are stored, and share the first one's answer."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules.events import Received
from tests.support.chat import Chat, policy_of, talking

_QUESTION = "¿Cuánto cuesta el plan oro?"
_OTHERS = "El plan oro, con todo lo que tiene"


def asked(chat: Chat) -> list[str]:
    """Return the ids of what the agent is asked now."""
    return [
        each.event_id
        for effect in chat.wanted()
        if isinstance(effect, f.AskAgent)
        for each in effect.question
    ]


def answered(chat: Chat) -> None:
    chat.answer("Cuesta 20")
    chat.accept()


def received(chat: Chat) -> list[Received]:
    return [each.event for each in chat.events if isinstance(each.event, Received)]


@pytest.mark.parametrize("text", [_QUESTION, _OTHERS, "Persona natural", "sí"])
def test_what_is_said_again_while_the_answer_is_made_shares_it(text: str) -> None:
    chat = talking()
    chat.write(text, "SM1")
    chat.passes(seconds=2)
    chat.write(f"  {text.upper()}! ", "SM2")
    assert asked(chat) == ["SM1"]
    answered(chat)
    assert (asked(chat), chat.lane()) == ([], [])
    assert len(chat.tables.said("inbound")) == 2
    assert [(each.message_sid, each.asks, each.same_as) for each in received(chat)] == [
        ("SM1", True, None),
        ("SM2", False, "SM1"),
    ]


@pytest.mark.parametrize("text", [_QUESTION, _OTHERS, "¿Cuánto cuesta?"])
def test_what_is_said_again_when_it_was_answered_shares_that(text: str) -> None:
    chat = talking()
    chat.write(text)
    answered(chat)
    chat.passes(seconds=5)
    chat.write(text)
    assert asked(chat) == []


def test_the_window_begins_with_the_first_and_whoever_insists_is_answered() -> None:
    chat = talking(same_words_seconds=10)
    chat.write(_QUESTION, "SM1")
    answered(chat)
    for sid in ("SM2", "SM3"):
        chat.passes(seconds=5)
        chat.write(_QUESTION, sid)
    assert [each.same_as for each in received(chat)] == [None, "SM1", "SM1"]
    chat.passes(seconds=1)
    chat.write(_QUESTION, "SM4")
    assert asked(chat) == ["SM4"]


def test_it_can_be_switched_off() -> None:
    chat = talking(same_words_seconds=0)
    chat.write(_QUESTION, "SM1")
    chat.write(_QUESTION, "SM2")
    assert asked(chat) == ["SM1", "SM2"]


@pytest.mark.parametrize("text", ["sí", "No", "sí, por favor", "ok", "sim", "Persona natural", "dos"])
def test_few_words_may_answer_another_question(text: str) -> None:
    chat = talking()
    chat.write(text, "SM1")
    answered(chat)
    chat.passes(seconds=2)
    chat.write(text, "SM2")
    assert asked(chat) == ["SM2"]


@pytest.mark.parametrize(
    "text", ["2", "20 personas en la oficina del centro", "٣", "½ kilo de lo que tengan por favor"]
)
def test_numbers_are_never_taken_for_the_same(text: str) -> None:
    chat = talking()
    chat.write(text, "SM1")
    chat.write(text, "SM2")
    assert asked(chat) == ["SM1", "SM2"]


@pytest.mark.parametrize(
    "over",
    [
        {"text": "[El cliente envió una imagen]", "params": {"MediaUrl0": "u", "NumMedia": "1"}},
        {"text": "[El cliente envió su ubicación: (4.6, -74.1)]"},
        {"is_reply": True, "quoted": "¿Seguimos mañana por la tarde?"},
        {"text": "👍"},
        {"address": "whatsapp:+5213138539155"},
        {"backfilled": True},
    ],
)
def test_what_is_no_second_tap_is_asked(over: dict[str, object]) -> None:
    chat = talking()
    text = str(over.pop("text", _OTHERS))
    chat.write(text, "SM1", **({} if "address" in over or "backfilled" in over else over))
    chat.write(text, "SM2", **over)
    assert asked(chat) == ["SM1", "SM2"]


def test_what_came_between_makes_it_another() -> None:
    chat = talking()
    for text, sid in ((_QUESTION, "SM1"), ("¿Y el plan plata?", "SM2"), (_QUESTION, "SM3")):
        chat.write(text, sid)
    assert asked(chat) == ["SM1", "SM2", "SM3"]


def test_an_apology_and_an_answer_that_did_not_arrive_are_shared_by_nobody() -> None:
    chat = talking()
    chat.write(_QUESTION, "SM1")
    answered(chat)
    chat.fails(chat.sent_ids()[-1], "final", "63024")
    chat.accept()
    chat.write(_QUESTION, "SM2")
    assert asked(chat) == ["SM2"]


def test_after_a_person_has_answered_the_agent_is_asked() -> None:
    chat = talking()
    chat.write(_QUESTION, "SM1")
    chat.command("escalate")
    chat.command("resume")
    chat.passes(seconds=1)
    chat.write(_QUESTION, "SM2")
    assert "SM2" in asked(chat)


def test_a_second_one_that_comes_before_the_first_is_not_judged() -> None:
    chat = talking()
    chat.write(_QUESTION, "SM1")
    chat.write(_QUESTION, "SM2", received_at=chat.now - timedelta(seconds=1))
    assert asked(chat) == ["SM1", "SM2"]


def test_what_is_remembered_has_no_words_and_goes_with_the_messages() -> None:
    chat = talking()
    chat.write(_QUESTION, "SM1")
    assert chat.state.last_words is not None
    assert len(chat.state.last_words.words) == 8
    answered(chat)
    chat.command("erase")
    assert chat.state.last_words is None


def test_what_an_unknown_number_says_twice_waits_with_it_and_is_asked_with_it() -> None:
    chat = Chat(policy_of(unknown_number_grace_seconds=300))
    chat.write(_QUESTION, "SM1")
    chat.write(_QUESTION, "SM2")
    chat.call()
    chat.greet()
    assert asked(chat) == ["SM1", "SM2"]
    assert len(chat.tables.said("inbound")) == 2
