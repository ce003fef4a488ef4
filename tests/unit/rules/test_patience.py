"""The agent does not answer: it is asked again, and nobody is left alone for long."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import Answered, Deferred
from tests.support.chat import Chat, talking, types

PATIENCE = 300


def waiting(**settings: object) -> Chat:
    chat = talking(agent_patience_seconds=PATIENCE, apology_text="Perdona", **settings)
    chat.write("¿precio?", "SM1")
    return chat


def fail(chat: Chat, **over: object) -> list[str]:
    given = {"question": ("SM1",), "retryable": True, "why": "HTTP 503", "code": "503"} | over
    return types(chat.give(i.AgentFailed(**given)))  # type: ignore[arg-type]


def until_it_may_ask(chat: Chat) -> float:
    """Let the wait pass; return its seconds."""
    wait = chat.state.ask_wait
    assert wait is not None
    seconds = (wait.until - chat.now).total_seconds()
    chat.passes(seconds=seconds)
    assert [type(effect) for effect in chat.lane()] == [f.AskAgent]
    return seconds


def test_each_wait_is_longer_and_the_client_gets_an_apology_when_the_patience_ends() -> None:
    chat, waits, ids, begun = waiting(), [], set(), talking().now
    while fail(chat) == ["deferred"]:
        waits.append(until_it_may_ask(chat))
        ids.add(chat.lane()[0].id)
    assert waits[:5] == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert len(ids) == len(waits)
    assert chat.now - begun == timedelta(seconds=PATIENCE), "the last try is when the patience ends"
    chat.accept()
    assert chat.said()[1:] == ["Perdona"]


def test_the_apology_is_an_event_that_says_why() -> None:
    chat = waiting()
    chat.now += timedelta(seconds=PATIENCE)
    assert fail(chat) == ["deferred"]
    chat.now += timedelta(seconds=61)
    [event] = chat.give(i.AgentFailed(question=("SM1",), retryable=True, why="HTTP 503", code="503"))
    assert isinstance(event, Answered)
    assert event.problem == {"code": "503", "reason": "HTTP 503"}
    assert event.answers == ("SM1",)
    assert not event.caught_up


def test_a_question_that_was_left_lying_is_still_tried_for_a_minute() -> None:
    chat = waiting()
    chat.now += timedelta(hours=2)
    assert fail(chat) == ["deferred"]
    chat.now += timedelta(seconds=59)
    assert fail(chat) == ["deferred"]
    chat.now += timedelta(seconds=1)
    assert fail(chat) == ["failed"]


def test_waiting_for_an_agent_that_does_not_come_back_is_a_try_as_long_as_it_took() -> None:
    chat = waiting()
    chat.now += timedelta(seconds=PATIENCE)
    assert fail(chat, why="the agent did not answer in time", seconds=PATIENCE) == ["failed"]


def test_an_outage_of_the_vendor_costs_neither_tries_nor_patience() -> None:
    chat, ids = waiting(), set()
    for _ in range(20):
        ids.add(chat.lane()[0].id)
        assert fail(chat, vendor_away=True) == ["deferred"]
        assert until_it_may_ask(chat) == 0.2
        chat.now += timedelta(minutes=1)
    assert len(ids) == 20
    assert fail(chat) == ["deferred"], "a minute is left when it is back"
    assert until_it_may_ask(chat) == 0.2


def test_a_wait_that_the_vendor_asks_for_is_kept() -> None:
    chat = waiting()
    fail(chat, retry_after=40.0)
    assert until_it_may_ask(chat) == 40


def test_who_is_refused_for_good_gets_an_apology_and_somebody_may_act() -> None:
    chat = waiting()
    [event] = chat.give(
        i.AgentFailed(question=("SM1",), retryable=False, why="no such agent", code="404", slot=True)
    )
    assert isinstance(event, Answered)
    assert event.problem == {"code": "404", "reason": "no such agent", "final": True}
    chat.accept()
    assert chat.said()[1:] == ["Perdona"]


def test_a_refusal_may_be_for_want_of_the_calls_details() -> None:
    chat = Chat()
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    chat.accept()
    chat.write("¿precio?", "SM1")
    assert fail(chat, retryable=False) == ["deferred"]
    until_it_may_ask(chat)
    known = i.CallDetails(call_id="conv_1", summary="s", duration_secs=1)
    assert fail(chat, retryable=False, details=known) == ["details", "failed"]


@pytest.mark.parametrize("empty", ["", "   \n\n  "])
def test_an_empty_answer_is_asked_for_once_more_and_nothing_empty_is_sent(empty: str) -> None:
    chat = waiting()
    [again] = chat.answer(empty)
    assert isinstance(again, Deferred)
    assert [type(effect) for effect in chat.lane()] == [f.AskAgent], "at once"
    chat.answer("Cuesta 20")
    chat.accept()
    assert chat.said()[1:] == ["Cuesta 20"]


def test_an_agent_that_says_nothing_twice_is_apologised_for() -> None:
    chat = waiting()
    chat.answer("")
    assert types(chat.answer("")) == ["failed"]
    chat.accept()
    assert chat.said()[1:] == ["Perdona"]


def test_an_answer_that_only_hands_over_may_be_empty() -> None:
    chat = waiting(handoff_text="-", handoff_phrase="[humano]")
    assert types(chat.answer("[humano]")) == ["answered", "escalated"]
    assert (chat.said()[1:], chat.state.is_idle) == ([], True)


@pytest.mark.parametrize("end", ["refused", "accepted"])
def test_a_turn_that_ends_meanwhile_gives_a_question_no_first_try_again(end: str) -> None:
    """What came back goes out between two tries; the question's own tries and its patience go on."""
    chat = waiting()
    chat.answer()
    chat.accept()
    said = chat.sent_ids()[-1]
    chat.write("¿y mañana?", "SM2")
    fail(chat, question=("SM2",))
    asked = chat.state.ask_wait
    chat.fails(said, "slow", "63018")
    until_it_goes_out = chat.state.came_back[0].due - chat.now
    chat.passes(seconds=until_it_goes_out.total_seconds())
    chat.take_slot()
    if end == "refused":
        chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no"))
    else:
        chat.accept()
    assert chat.state.turn is None
    assert chat.state.ask_wait == asked
    assert [effect.id for effect in chat.lane()] == ["ask:SM2:1"]


def test_the_next_question_has_tries_of_its_own() -> None:
    chat = waiting()
    fail(chat)
    chat.command("escalate")
    chat.command("resume")
    chat.accept()
    chat.write("¿hola?", "SM2")
    chat.accept()
    assert [effect.id for effect in chat.lane()] == ["ask:SM2:0"]
