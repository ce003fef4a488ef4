"""Replayed events that must do more than a redelivery does."""

from dataclasses import replace
from typing import Literal

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import Sent
from rules.turns import Part, Turn, Waiting
from schemas.events import CallCompleted
from tests.support.chat import NUMBER, Chat, talking, types

APOLOGY = talking().policy.spoken.notices["apology"]


def message(event_id: str = "SM1", text: str = "¿precio?") -> Waiting:
    return Waiting(kind="message", event_id=event_id, at=talking().now, text=text, message_id=2)


def call(conversation: str = "conv_1") -> Waiting:
    recipient = {"phone_number": NUMBER, "conversation_id": conversation}
    body = {"agent_id": "agent_1", "recipient": recipient, "call_metadata": {"client_name": "Ana"}}
    payload = CallCompleted.from_object(body).model_dump(mode="json")
    return Waiting(kind="call", event_id=conversation, at=talking().now, payload=payload)


def replay(
    chat: Chat, wants: Literal["failed", "again"], waiting: Waiting, turn: Turn | None = None, **over: object
) -> list[str]:
    """What a replay asks for, unless it was asked for before."""
    identity = f"replay:r1:{waiting.event_id}"
    if chat.was_seen("call" if waiting.kind == "call" else "message", identity):
        return []
    given = {"replay": "r1", "wants": wants, "waiting": waiting, "identity": identity, "turn": turn} | over
    return types(chat.give(i.ReplayWanted(**given)))  # type: ignore[arg-type]


def failed(text: str = "uno\n\ndos") -> tuple[Chat, Turn]:
    """Return a chat whose answer's second part was refused, and its turn as a replay finds it.

    An apology was sent in the part's place.
    """
    chat = talking()
    chat.write("¿precio?", "SM1")
    chat.answer(text)
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM1"))
    chat.take_slot()
    turn = chat.state.turn
    assert turn is not None
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="refused", code="63013"))
    chat.accept()
    parts = (turn.parts[0], *(replace(part, state="planned") for part in turn.parts[1:]))
    return chat, replace(turn, parts=parts)


def test_a_failed_turn_goes_on_where_it_failed() -> None:
    chat, turn = failed()
    assert replay(chat, "failed", message(), turn) == ["reopened"]
    chat.accept()
    assert chat.said()[1:] == ["uno", APOLOGY, "dos"]
    assert len(chat.tables.sends) == 4, "under its own ids"


def test_a_part_whose_outcome_is_unknown_is_looked_up_first() -> None:
    chat, turn = failed()
    parts: tuple[Part, ...] = (turn.parts[0], replace(turn.parts[1], state="unknown"))
    replay(chat, "failed", message(), replace(turn, parts=parts))
    assert [type(effect) for effect in chat.lane()] == [f.LookUpSend]


def test_what_was_superseded_or_stopped_or_taken_over_is_not_said_any_more() -> None:
    chat, turn = failed()
    assert replay(chat, "failed", message(), turn, superseded=True) == []
    for command in ("STOP", "asesor"):
        chat, turn = failed()
        chat.write(command)
        chat.accept()
        assert replay(chat, "failed", message(), turn) == []
        assert replay(chat, "again", message()) == []


def test_a_failed_turn_waits_for_what_is_open_and_stays_failed_where_that_is_said() -> None:
    chat, turn = failed()
    chat.write("¿hola?")
    assert replay(chat, "failed", message(), turn) == ["queued"]
    assert replay(chat, "failed", message(), turn) == [], "delivered twice, it waits once"
    chat.answer("aquí estoy")
    assert types(chat.accept())[-1] == "unanswered"
    assert (chat.said()[-1], chat.state.is_idle) == ("aquí estoy", True)


def test_where_what_was_open_fails_too_the_turn_goes_on() -> None:
    chat, turn = failed()
    before = chat.said()
    chat.write("¿hola?")
    replay(chat, "failed", message(), turn)
    chat.answer("aquí estoy")
    told = chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no", code="63003"))
    assert types(told) == ["failed", "queued", "reopened"]
    chat.accept()
    assert chat.said()[len(before) :] == [
        *(part.body for part in turn.parts if part.state != "accepted"),
        APOLOGY,
    ]
    assert chat.state.is_idle


def test_a_turn_that_waits_is_dropped_by_a_stop() -> None:
    chat, turn = failed()
    before = chat.said()
    chat.write("¿hola?")
    replay(chat, "failed", message(), turn)
    chat.write("STOP")
    chat.accept()
    assert chat.state.is_idle
    assert not {part.body for part in turn.parts if part.state != "accepted"} & set(
        chat.said()[len(before) :]
    )


def taken_over(chat: Chat, commands: tuple[str, ...]) -> None:
    for command in commands:
        chat.passes(seconds=1)
        chat.command(command)
    chat.passes(seconds=1)


@pytest.mark.parametrize("commands", [("close",), ("escalate", "resume"), ("escalate", "close")])
@pytest.mark.parametrize("fails", [False, True])
def test_what_a_replay_asks_for_after_a_takeover_is_said_at_whichever_attempt(
    commands: tuple[str, ...], fails: bool
) -> None:
    chat, turn = failed()
    taken_over(chat, commands)
    assert replay(chat, "failed", message(), turn) == ["reopened"]
    chat.take_slot()
    if fails:
        told = chat.give(i.SendNotMade(own_id=chat.sends()[0].part.own_id, why="429"))
        assert types(told) == ["deferred"]
        chat.passes(seconds=5)
    chat.accept()
    assert chat.said()[1:] == ["uno", APOLOGY, "dos"]


@pytest.mark.parametrize("command", ["close", "escalate"])
def test_a_takeover_during_a_replay_ends_it(command: str) -> None:
    chat, turn = failed("uno\n\ndos\n\ntres")
    taken_over(chat, ("escalate", "resume"))
    replay(chat, "failed", message(), turn)
    chat.take_slot()
    own_id = chat.sends()[0].part.own_id
    taken_over(chat, (command,))
    assert types(chat.give(i.SendNotMade(own_id=own_id, why="429"))) == ["withdrawn"]
    assert (chat.state.is_idle, chat.said()[1:]) == (True, ["uno", APOLOGY])


def test_a_turn_that_waits_is_dropped_by_a_takeover() -> None:
    chat, turn = failed()
    chat.write("¿hola?")
    chat.answer("aquí estoy", slot=False)
    assert replay(chat, "failed", message(), turn) == ["queued"]
    assert types(chat.command("close")) == ["closed", "withdrawn", "commanded", "unanswered"]
    assert (chat.state.is_idle, chat.said()[1:]) == (True, ["uno", APOLOGY])


def test_one_failure_is_gone_on_with_once() -> None:
    """Two messages share a turn: both ask for it, and what was read of it may be a moment old."""
    chat, turn = failed()
    identity = f"reopened:{turn.id}:9"
    wanted = i.ReplayWanted(replay="r1", wants="failed", waiting=message(), identity=identity, turn=turn)
    assert types(chat.give(wanted)) == ["reopened"]
    chat.accept()
    assert chat.was_seen("message", identity), "by which the store refuses the other one"


def test_a_message_is_done_once_more_once_a_replay() -> None:
    chat = talking()
    chat.exchange("¿precio?", "20")
    assert replay(chat, "again", message()) == ["repeated"]
    assert replay(chat, "again", message()) == []
    chat.answer("30")
    [*_, sent] = chat.accept()
    assert isinstance(sent, Sent)
    assert (chat.said()[1:], sent.marks) == (["20", "30"], {"replay": "r1"})
    assert replay(chat, "again", message()) == []
    assert chat.tables.said("inbound") == ["¿precio?"]


def test_a_replay_that_is_delivered_again_while_it_waits_is_one() -> None:
    chat = talking()
    chat.exchange("¿precio?", "20")
    again = i.ReplayWanted(replay="r1", wants="again", waiting=message(), identity="replay:r1:SM1")
    assert types(chat.give(again)) == ["repeated"]
    assert chat.give(again) == []
    assert [waiting.event_id for waiting in chat.state.inbox] == ["replay:r1:SM1"]


def test_what_is_done_once_more_waits_for_what_is_open() -> None:
    chat = talking()
    chat.exchange("¿precio?", "20")
    chat.call("conv_2")
    replay(chat, "again", message())
    chat.greet()
    chat.answer("30")
    chat.accept()
    assert chat.said()[-1] == "30"


def test_a_calls_first_message_is_said_once_more_and_nothing_begins_anew() -> None:
    chat = talking()
    assert replay(chat, "again", call()) == ["repeated", "reopened"]
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    chat.accept()
    assert (len(chat.said()), chat.state.is_idle) == (2, True)
    assert "calls" not in chat.tables.row["metadata"]
    assert [event.event for event in chat.events if types([event.event]) == ["started"]] == [
        chat.events[0].event
    ]


def test_an_earlier_call_is_not_said_once_more() -> None:
    chat = talking()
    chat.call("conv_2")
    chat.greet()
    assert replay(chat, "again", call("conv_1")) == ["repeated", "declined"]
    assert len(chat.said()) == 2
    assert chat.state.is_idle


def test_a_call_that_began_nothing_begins_like_a_new_one() -> None:
    chat = talking()
    chat.write("STOP")
    chat.accept()
    chat.call("conv_2")
    chat.write("ALTA")
    chat.accept()
    assert replay(chat, "failed", call("conv_2")) == ["repeated", "started"]
    chat.greet()
    assert (chat.state.elevenlabs_conversation_id, chat.state.is_idle) == ("conv_2", True)
    sent = next(each.event for each in reversed(chat.events) if isinstance(each.event, Sent))
    assert sent.marks == {}


def test_a_number_that_had_no_conversation_gets_one_by_a_replayed_call() -> None:
    chat = Chat()
    chat.write("STOP")
    chat.call()
    chat.write("ALTA")
    chat.write("hola")
    assert replay(chat, "failed", call()) == ["repeated", "started", "unanswered"]
    chat.greet()
    assert chat.tables.row["message_count"] == len(chat.tables.messages) == 3


def test_a_replayed_call_that_is_stopped_begins_once_and_has_one_outcome() -> None:
    chat = talking()
    chat.write("STOP")
    chat.accept()
    chat.call("conv_2")
    chat.write("ALTA")
    chat.accept()
    replay(chat, "failed", call("conv_2"))
    chat.write("STOP")
    chat.accept()
    assert len(chat.tables.outcomes["call", "replay:r1:conv_2"]) == 1
    assert chat.state.is_idle
