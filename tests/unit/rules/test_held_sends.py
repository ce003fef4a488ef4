"""A send that was left to an operator is proven after all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rules import inputs as i
from rules.events import TurnFailed
from rules.turns import Turn, Waiting
from tests.support.chat import Chat, talking, types


def held(text: str = "uno", **settings: str) -> tuple[Chat, str, Turn]:
    """A chat whose answer's first part was left to an operator, and the turn as it was then."""
    chat = talking(twilio_unknown_send="hold", **settings)
    chat.write("¿precio?")
    chat.answer(text)
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    turn = chat.state.turn
    assert turn is not None
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    assert chat.state.is_idle
    return chat, own_id, turn


def prove(chat: Chat, own_id: str, turn: Turn, status: str = "sent", **of_turn: bool) -> list[str]:
    return types(chat.report(own_id, status, sid="MM9", held=i.HeldTurn(turn=turn, **of_turn)))


@pytest.mark.parametrize("status", ["sent", "delivered"])
def test_it_becomes_a_message_and_its_turn_is_done(status: str) -> None:
    chat, own_id, turn = held()
    intended = chat.now
    chat.passes(minutes=5)
    assert prove(chat, own_id, turn, status) == ["sent", "delivered"]
    assert prove(chat, own_id, turn, status) == [], "the list tells what the report told"
    row = list(chat.tables.messages.values())[-1]
    assert (row["content"], row["sent_at"], row["elevenlabs_response"]) == ("uno", intended, {"text": "uno"})
    send = chat.tables.sends[own_id]
    assert (send["state"], send["sid"], send["error_code"], chat.state.is_idle) == (
        "accepted",
        "MM9",
        None,
        True,
    )
    assert chat.tables.row["message_count"] == 3


def test_parts_behind_it_go_out() -> None:
    chat, own_id, turn = held("uno\n\ndos\n\ntres")
    assert prove(chat, own_id, turn) == ["sent", "reopened", "delivered"]
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "tres"]


def test_parts_behind_it_stay_unsent_where_something_later_was_said() -> None:
    chat, own_id, turn = held("uno\n\ndos")
    chat.exchange("¿hola?", "Aquí estoy")
    assert prove(chat, own_id, turn, superseded=True) == ["sent", "delivered"]
    assert (chat.said()[1:], chat.state.is_idle) == (["Aquí estoy", "uno"], True)


@pytest.mark.parametrize("commands", [("escalate",), ("close",), ("escalate", "resume")])
def test_parts_behind_it_stay_unsent_where_a_person_took_over(commands: tuple[str, ...]) -> None:
    chat, own_id, turn = held("uno\n\ndos")
    for command in commands:
        chat.command(command)
    assert prove(chat, own_id, turn) == ["sent", "delivered"]
    assert (chat.said()[1:], chat.state.is_idle) == (["uno"], True)


def test_parts_behind_it_stay_unsent_while_the_client_waits_for_a_person() -> None:
    chat, own_id, turn = held("uno\n\ndos", handoff_words="asesor", handoff_text="-")
    chat.write("asesor")
    assert chat.state.status == "escalated"
    assert prove(chat, own_id, turn) == ["sent", "delivered"]
    assert (chat.said()[1:], chat.state.is_idle) == (["uno"], True)


def test_it_is_recorded_also_while_something_else_is_open() -> None:
    chat, own_id, turn = held("uno\n\ndos")
    chat.write("¿hola?")
    assert prove(chat, own_id, turn) == ["sent", "delivered"]
    chat.answer("Aquí estoy")
    chat.accept()
    assert chat.said()[1:] == ["uno", "Aquí estoy"]


def test_a_part_before_it_that_is_not_proven_holds_the_rest_back() -> None:
    chat, own_id, turn = held("uno\n\ndos\n\ntres")
    second = turn.parts[1]
    unknown = replace(turn, parts=(turn.parts[0], replace(second, state="unknown"), turn.parts[2]))
    assert prove(chat, second.own_id, unknown) == ["sent", "delivered"]
    assert chat.state.is_idle


def test_a_call_whose_first_message_is_proven_is_done_after_all() -> None:
    chat = Chat(talking(twilio_unknown_send="hold").policy)
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    turn = chat.state.turn
    assert turn is not None
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    assert chat.tables.outcome("call", "conv_1")["state"] == "failed"
    prove(chat, own_id, turn)
    assert chat.tables.outcome("call", "conv_1")["sid"] == "MM9"


def test_one_that_an_operator_asks_for_is_sent_and_held_only_if_that_is_unknown_again() -> None:
    chat = talking(twilio_unknown_send="hold")
    chat.write("¿precio?", "SM1")
    chat.answer("uno")
    own_id = chat.sends()[0].part.own_id
    for place in range(2):
        chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
        [failed] = chat.give(i.LookupDone(own_id=own_id, absent=True))
        assert isinstance(failed, TurnFailed)
        chat.now += timedelta(minutes=10)
        waiting = Waiting(kind="message", event_id="SM1", at=chat.now)
        asked = {"replay": "dead-letter", "wants": "failed", "identity": f"r{place}", "turn": failed.turn}
        assert types(chat.give(i.ReplayWanted(waiting=waiting, **asked))) == ["reopened"]  # type: ignore[arg-type]
        chat.give(i.LookupDone(own_id=own_id, absent=True))
        chat.take_slot()
        assert [send.part.own_id for send in chat.sends()] == [own_id]
    chat.accept()
    assert chat.said()[-1] == "uno"
