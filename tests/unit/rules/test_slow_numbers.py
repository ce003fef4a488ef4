"""A number that got too many messages (63018): what came back goes out once more, in order."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import DeliveryFailed
from schemas.settings import load_settings
from tests.support.chat import Chat, talking, types


def came_back(chat: Chat, *places: int) -> None:
    """The messages in these places of what was sent fail because the person got too many."""
    ids = chat.sent_ids()
    for place in places:
        chat.fails(ids[place], "slow", "63018")


def test_what_came_back_goes_out_once_more_and_the_number_waits_for_it() -> None:
    chat = talking()
    chat.exchange(text="uno\n\ndos\n\ntres")
    came_back(chat, 2, 3)
    came_back(chat, 2, 3)  # a report may be repeated
    chat.write("¿sigues ahí?")
    assert (chat.lane(), chat.due()) == ([], chat.now + timedelta(seconds=12))
    chat.passes(seconds=12)
    chat.accept()
    chat.answer("sí")
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "tres", "dos", "tres", "sí"]


def test_it_waits_longer_each_time_and_not_after_a_day() -> None:
    chat, waits = talking(), []
    chat.exchange(text="uno")
    while (chat.now - chat.events[0].at) < timedelta(days=1):
        came_back(chat, -1)
        due = chat.due()
        assert due is not None
        waits.append((due - chat.now).total_seconds())
        chat.passes(seconds=waits[-1])
        chat.accept()
    assert waits[:11] == [12, 24, 48, 96, 192, 384, 768, 1536, 3072, 3600, 3600]
    failed, _ = chat.fails(chat.sent_ids()[-1], "slow")
    chat.accept()  # the apology
    assert isinstance(failed, DeliveryFailed)
    assert failed.came_back is None


def test_parts_that_come_back_apart_go_out_in_their_order() -> None:
    chat = talking()
    chat.exchange(text="uno\n\ndos\n\ntres")
    came_back(chat, 2)
    chat.passes(seconds=12)
    chat.take_slot()
    came_back(chat, 3)  # while the second is on its way
    chat.accept()
    came_back(chat, -1)
    chat.passes(minutes=1)
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "tres", "dos", "dos", "tres"]


def test_an_earlier_turn_goes_before_a_later_one() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.passes(seconds=1)
    chat.exchange("b", "dos")
    came_back(chat, 2, 1)
    chat.passes(seconds=12)
    chat.accept()
    chat.passes(seconds=12)
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "uno", "dos"]


def test_the_rest_of_a_turn_waits_behind_the_part_that_came_back() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer("uno\n\ndos\n\ntres")
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM1"))
    assert [type(effect) for effect in chat.lane()] == [f.AwaitSlot]
    came_back(chat, 1)
    assert chat.lane() == []
    assert chat.take_slot() == []
    chat.passes(seconds=12)
    chat.accept()
    assert chat.said()[1:] == ["uno", "uno", "dos", "tres"]
    assert len(chat.tables.sends) == 5, "what was never tried keeps its id"


def test_a_place_that_comes_too_late_is_let_go() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer("uno\n\ndos")
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM1"))
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    came_back(chat, 1)
    assert chat.give(i.SlotTaken(own_id=slot.part.own_id)) == []


def test_an_answer_made_meanwhile_waits_behind_what_came_back() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.write("b", "SM9")
    came_back(chat, 1)
    chat.give(i.AgentAnswered(question=("SM9",), text="dos", reply={}, seconds=1.0, slot=True))
    assert chat.lane() == []
    chat.passes(seconds=12)
    chat.accept()
    assert chat.said()[1:] == ["uno", "uno", "dos"]


def test_what_is_being_sent_is_awaited_first() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.write("b")
    chat.answer("dos\n\ntres")
    came_back(chat, 1)
    chat.passes(seconds=12)
    assert [type(effect) for effect in chat.lane()] == [f.SendMessage]
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "uno", "tres"]


def test_a_call_waits_behind_what_came_back() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    came_back(chat, 1)
    assert types(chat.call("conv_2")) == ["queued"]
    chat.passes(seconds=12)
    assert "started" in types(chat.accept())
    assert chat.said()[1:] == ["uno", "uno"]


def test_a_first_message_that_is_held_up_keeps_its_outcome() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.call("conv_2")
    came_back(chat, 1)
    chat.give(i.DetailsFetched(call_id="conv_2", details=None, slot=True))
    assert chat.lane() == []
    chat.passes(seconds=12)
    chat.accept()
    assert chat.tables.outcome("call", "conv_2")["state"] == "done"
    assert chat.said()[2] == "uno"


def test_what_was_delivered_after_all_is_not_said_twice() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.report(chat.sent_ids()[-1], "delivered")
    came_back(chat, 1)
    assert chat.state.is_idle


def test_a_template_goes_out_as_the_template_that_it_was() -> None:
    chat = talking(
        twilio_first_message_content_sid="HX1", twilio_first_message_content_variables='{"1": "x"}'
    )
    came_back(chat, 0)
    chat.passes(seconds=12)
    assert [send["content"] for send in chat.tables.sends.values()] == [
        {"content_sid": "HX1", "content_variables": {"1": "x"}}
    ] * 2


def test_other_failures_that_pass_are_said_once_more_too() -> None:
    chat = talking()
    chat.exchange("a", "uno")
    chat.fails(chat.sent_ids()[-1], "passing", "30008")
    chat.passes(seconds=12)
    chat.accept()
    assert chat.said()[1:] == ["uno", "uno"]


def test_what_is_refused_at_once_because_it_is_too_much_waits_as_long() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer("uno")
    waits = []
    for _ in range(3):
        own_id = chat.sends()[0].part.own_id
        chat.give(i.SendNotMade(own_id=own_id, why="too many", code="63018", slow=True))
        due = chat.due()
        assert due is not None
        waits.append((due - chat.now).total_seconds())
        chat.passes(seconds=waits[-1])
        chat.take_slot()
    assert waits == [12, 24, 48]


@pytest.mark.parametrize("kind", ["slow", "outside_window"])
def test_what_was_said_again_is_in_the_history_as_often_as_it_was_sent(kind: i.FailureKind) -> None:
    chat = talking(twilio_reopen_content_sid="HX1", twilio_reopen_content_variables='{"1": "{text}"}')
    chat.exchange("a", "uno")
    chat.fails(chat.sent_ids()[-1], kind)
    chat.passes(seconds=12)
    chat.accept()
    assert chat.tables.row["message_count"] == len(chat.tables.messages) == 4


def again(chat: Chat) -> None:
    """The newest message came back, and goes out again."""
    chat.fails(chat.sent_ids()[-1], "slow", "63018")
    due = chat.due()
    assert due is not None
    chat.now = max(due, chat.now)
    chat.give(i.TimerFired())


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_answer_that_came_back_however_often_and_is_refused_has_the_apology(times: int) -> None:
    chat = talking()
    chat.exchange()
    for _ in range(times - 1):
        again(chat)
        chat.accept()
    again(chat)
    chat.take_slot()
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendRefused(own_id=own_id, why="not a WhatsApp number", code="63003"))
    chat.accept()
    assert chat.said()[-1] == load_settings({}).apology_text


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_first_message_that_came_back_however_often_is_one(times: int) -> None:
    chat = Chat()
    chat.call()
    chat.greet()
    for _ in range(times - 1):
        again(chat)
        chat.accept()
    again(chat)
    assert chat.state.turn is not None
    assert (chat.state.turn.repeats, chat.state.turn.is_first) == ("call", True)
