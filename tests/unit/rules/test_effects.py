"""Which effects are wanted, and when to look again."""

from datetime import timedelta

from rules import effects as f
from rules import inputs as i
from tests.support.chat import Chat, talking


def test_nothing_is_due_but_the_end_of_silence() -> None:
    chat = talking(conversation_idle_close_hours=72)
    assert (chat.wanted(), f.next_due(chat.state, chat.policy)) == ([], chat.now + timedelta(hours=72))


def test_what_has_come_and_changed_nothing_hides_nothing_that_is_to_come() -> None:
    chat = Chat()
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendNotMade(own_id=own_id, why="HTTP 429"))
    chat.give(i.DetailsFetched(call_id="conv_1", details=None))
    soon, later = chat.now + timedelta(seconds=0.2), chat.now + timedelta(seconds=2)
    assert f.next_due(chat.state, chat.policy) == soon
    chat.passes(seconds=0.2)
    assert [type(effect) for effect in chat.lane()] == [f.AwaitSlot], "it may wait for long"
    assert f.next_due(chat.state, chat.policy, after=soon) == later


def test_a_new_owner_knows_what_its_predecessor_was_about_to_do() -> None:
    chat = talking()
    chat.write("¿precio?")
    before = chat.wanted()
    chat.give(i.Recovered())
    assert chat.wanted() == before


def test_who_has_written_waits_for_a_slot_with_the_answers_and_not_with_the_first_messages() -> None:
    chat = Chat()
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None))
    [first] = chat.lane()
    chat.write("hola")
    [then] = chat.lane()
    assert isinstance(first, f.AwaitSlot)
    assert isinstance(then, f.AwaitSlot)
    assert (first.is_first, then.is_first, first.id == then.id) == (True, False, False)


def test_a_question_that_still_waits_is_put_to_the_agent_that_was_changed_to() -> None:
    chat = talking()
    chat.write("¿precio?")
    [before] = chat.lane()
    chat.command("change_agent", agent_id="agent_2")
    [after] = chat.lane()
    assert isinstance(after, f.AskAgent)
    assert (after.agent_id, before.id == after.id) == ("agent_2", False)
