"""Since when something waits for us, rather than for the agent, a burst's end or the message before it."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.held_up import HELD_UP, question_since
from tests.support.chat import Chat, talking


def slot(chat: Chat) -> f.AwaitSlot:
    [waiting] = [effect for effect in chat.lane() if isinstance(effect, f.AwaitSlot)]
    return waiting


def asked(*, waits: float, thinks: float, **settings: object) -> Chat:
    """A question that is asked so many seconds after it came, of an agent that takes so many."""
    chat = talking(**settings)
    chat.write("¿precio?")
    chat.passes(seconds=waits)
    chat.passes(seconds=thinks)
    chat.answer("uno\n\ndos\n\ntres", slot=False, seconds=thinks)
    return chat


@pytest.mark.parametrize(("waits", "thinks", "held"), [(0, 2, 0), (0, 25, 0), (30, 2, 30), (300, 25, 300)])
def test_an_answer_waits_since_it_could_have_been_given(waits: float, thinks: float, held: float) -> None:
    chat = asked(waits=waits, thinks=thinks)
    since = slot(chat).since
    assert since is not None
    assert chat.now - since == timedelta(seconds=held)


def test_the_end_of_a_burst_is_no_delay() -> None:
    chat = talking(reply_quiet_seconds=4)
    for text in ("¿cuánto", "cuesta", "el plan?"):
        chat.write(text)
        chat.passes(seconds=3)
    chat.passes(seconds=1)
    [ask] = chat.lane()
    assert isinstance(ask, f.AskAgent)
    assert question_since(ask.question, chat.policy) == chat.now
    chat.answer("uno", slot=False)
    assert slot(chat).since == chat.now


@pytest.mark.parametrize(("waits", "is_late"), [(0.0, False), (60.0, True)])
def test_the_messages_of_an_answer_are_held_up_together_or_not_at_all(waits: float, is_late: bool) -> None:
    chat = asked(waits=waits, thinks=1)
    found = []
    for _ in range(3):
        since = slot(chat).since
        assert since is not None
        found.append(chat.now - since > HELD_UP)
        chat.take_slot()
        own_id = chat.sends()[0].part.own_id
        chat.give(i.SendAccepted(own_id=own_id, sid=f"MM{own_id}"))
        chat.passes(seconds=4)
    assert found == [is_late] * 3


def test_what_came_back_waits_since_it_was_said_first() -> None:
    chat = talking()
    chat.exchange(text="uno")
    said = chat.now
    chat.fails(chat.sent_ids()[-1], "slow", "63018")
    chat.passes(seconds=12)
    assert slot(chat).since == said
