"""A turn from the client's message to the acceptance of its answer."""

from rules import effects as f
from rules import inputs as i
from rules.events import Answered, Sent
from rules.evolve_turns import REPORT_WAIT
from tests.support.chat import Chat, talking, types


def test_a_call_begins_a_conversation_with_a_first_message() -> None:
    chat = Chat()
    assert types(chat.call()) == ["started"]
    assert [type(effect) for effect in chat.wanted()] == [f.FetchDetails]
    assert types(chat.greet()) == ["details", "answered", "sent"]
    assert (chat.state.turn, chat.state.message_count, chat.state.status) == (None, 1, "active")


def test_a_message_is_answered_once() -> None:
    chat = talking()
    assert types(chat.write("¿Cuánto cuesta?")) == ["received"]
    assert types(chat.answer()) == ["answered"]
    assert types(chat.accept()) == ["sent"]
    assert (chat.state.turn, chat.state.inbox, chat.state.message_count) == (None, (), 3)


def test_what_comes_while_the_agent_thinks_is_the_next_question() -> None:
    chat = talking()
    chat.write("uno", "SM1")
    [asked] = chat.wanted()
    chat.write("dos", "SM2")
    assert [effect.id for effect in chat.wanted()] == [asked.id], "the running question is not begun again"
    [answered] = chat.give(i.AgentAnswered(question=("SM1",), text="ya", reply={}, seconds=1.0, slot=True))
    assert isinstance(answered, Answered)
    assert answered.answers == ("SM1",)
    chat.accept()
    [again] = chat.wanted()
    assert isinstance(again, f.AskAgent)
    assert [each.event_id for each in again.question] == ["SM2"]


def test_a_part_follows_when_the_one_before_was_accepted() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer("uno\n\ndos")
    [first] = chat.sends()
    assert first.part.body == "uno"
    chat.give(i.SendAccepted(own_id=first.part.own_id, sid="MM1"))
    [second] = chat.wanted()
    assert isinstance(second, f.AwaitSlot)
    assert second.part.body == "dos"
    [*_, last] = chat.accept()
    assert isinstance(last, Sent)
    assert last.is_last


def test_a_send_of_unknown_outcome_is_looked_up_before_it_is_sent_again() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer()
    [send] = chat.sends()
    assert types(chat.give(i.SendUnknown(own_id=send.part.own_id, why="timeout"))) == ["unknown"]
    [lookup] = chat.wanted()
    assert isinstance(lookup, f.LookUpSend)
    assert types(chat.give(i.LookupDone(own_id=send.part.own_id))) == ["deferred"]
    assert chat.wanted() == []
    chat.passes(seconds=1)
    assert isinstance(chat.wanted()[0], f.LookUpSend)
    chat.give(i.LookupDone(own_id=send.part.own_id, absent=True))
    [again] = chat.wanted()
    assert isinstance(again, f.AwaitSlot)
    assert again.part.own_id == send.part.own_id
    assert types(chat.accept()) == ["intended", "sent"]


def test_a_new_owner_looks_up_what_its_predecessor_was_sending() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer()
    [send] = chat.sends()
    assert chat.give(i.Recovered(running=frozenset({send.id}))) == []
    assert types(chat.give(i.Recovered())) == ["unknown"]


def test_a_report_proves_a_send_of_unknown_outcome() -> None:
    chat = talking()
    chat.write("hola")
    chat.answer()
    [send] = chat.sends()
    chat.give(i.SendUnknown(own_id=send.part.own_id, why="reset"))
    report = i.DeliveryReported(sid="MM9", own_id=send.part.own_id, status="sent", rank=3, at=chat.now)
    assert types(chat.give(report)) == ["sent", "delivered"]
    assert chat.state.turn is None


def test_a_stop_while_the_agent_thinks_counts_at_once() -> None:
    chat = talking()
    chat.write("¿precio?", "SM1")
    assert types(chat.write("STOP", "SM2")) == ["received", "opted_out", "unanswered", "answered"]
    late = i.AgentAnswered(question=("SM1",), text="20", reply={}, seconds=1.0, slot=True)
    assert chat.give(late) == []
    assert types(chat.accept()) == ["intended", "sent"]
    assert chat.state.opt_out is not None


def test_a_second_call_waits_for_the_answer_that_is_being_made() -> None:
    chat = talking()
    chat.write("¿precio?")
    assert types(chat.call("conv_2")) == ["queued"]
    chat.answer()
    assert types(chat.accept()) == ["sent", "started"]
    assert chat.state.elevenlabs_conversation_id == "conv_2"


def three_parts(*, reported: bool = True) -> tuple[Chat, list[str]]:
    """Give an answer of three messages, the first of which is with the vendor.

    `reported`: whether what was sent before was.
    """
    chat = talking()
    if reported:
        chat.report(next(iter(chat.tables.sends)), "delivered")
    chat.write("¿Cuánto cuesta?")
    chat.answer("uno\n\ndos\n\ntres")
    assert chat.state.turn is not None
    own_ids = [part.own_id for part in chat.state.turn.parts]
    assert [type(effect) for effect in chat.lane()] == [f.SendMessage], "the first is never delayed"
    chat.give(i.SendAccepted(own_id=own_ids[0], sid="MM71"))
    return chat, own_ids


def test_where_reports_come_a_part_waits_until_the_one_before_has_left_the_vendor() -> None:
    for status in ("sent", "read", "failed"):
        chat, own_ids = three_parts()
        assert (chat.lane(), chat.due()) == ([], chat.now + REPORT_WAIT)
        chat.report(own_ids[0], "sending")
        assert chat.lane() == []
        chat.report(own_ids[0], status)
        [slot] = chat.lane()
        assert isinstance(slot, f.AwaitSlot)
        assert slot.part.own_id == own_ids[1]


def test_a_report_that_does_not_come_delays_one_part_by_some_seconds_and_no_other() -> None:
    chat, own_ids = three_parts()
    chat.passes(seconds=REPORT_WAIT.total_seconds())
    chat.take_slot()
    chat.give(i.SendAccepted(own_id=own_ids[1], sid="MM72"))
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert slot.part.own_id == own_ids[2]
    chat.report(own_ids[1], "sent")
    assert chat.state.reports_come


def test_where_no_report_ever_came_no_part_waits_for_one() -> None:
    chat, own_ids = three_parts(reported=False)
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert slot.part.own_id == own_ids[1]


def test_a_report_before_the_acceptance_is_waited_for_no_more() -> None:
    chat, own_ids = three_parts()
    chat.report(own_ids[0], "sent")
    chat.take_slot()
    chat.give(i.DeliveryReported(sid="MM72", status="sent", rank=3, at=chat.now, own_id=own_ids[1]))
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert slot.part.own_id == own_ids[2]
