"""Each message is sent exactly once, as far as the vendor lets us know."""

from datetime import timedelta
from operator import sub

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import TurnFailed
from rules.sending import ATTEMPT_LIVES, REQUEST_LIVES
from tests.support.chat import Chat, talking, types


def sending(text: str = "uno", **settings: object) -> tuple[Chat, str]:
    """A chat whose answer's first part is being sent, and our id of that."""
    chat = talking(**settings)
    chat.write("¿precio?")
    chat.answer(text)
    return chat, chat.sends()[0].part.own_id


def waits(chat: Chat) -> float:
    due = chat.due()
    assert due is not None
    return (due - chat.now).total_seconds()


def test_what_was_certainly_not_sent_waits_longer_each_time() -> None:
    chat, own_id = sending()
    seen = []
    for _ in range(4):
        chat.give(i.SendNotMade(own_id=own_id, why="HTTP 429", code="20429"))
        assert chat.lane() == []
        seen.append(waits(chat))
        chat.passes(seconds=seen[-1])
        assert types(chat.take_slot()) == ["intended"]
    assert seen == [0.2, 0.4, 0.8, 1.6]
    chat.accept()
    assert (chat.said()[1:], chat.tables.sends[own_id]["tries"], chat.tables.sends[own_id]["error_code"]) == (
        ["uno"],
        5,
        None,
    )


def test_a_wait_that_the_vendor_asks_for_is_kept() -> None:
    chat, own_id = sending()
    chat.give(i.SendNotMade(own_id=own_id, why="HTTP 429", retry_after=30.0))
    assert waits(chat) == 30


def test_a_message_that_comes_meanwhile_shortens_no_wait() -> None:
    chat, own_id = sending()
    chat.give(i.SendNotMade(own_id=own_id, why="HTTP 429", retry_after=30.0))
    chat.write("¿hola?")
    assert chat.lane() == []
    assert waits(chat) == 30


def test_an_outage_of_the_vendor_makes_no_wait_longer() -> None:
    chat, own_id = sending()
    for _ in range(10):
        chat.give(i.SendNotMade(own_id=own_id, why="connect", vendor_away=True))
        assert waits(chat) == 0.2
        chat.passes(seconds=1)
        chat.take_slot()


def test_a_limit_of_the_sender_concerns_first_messages_alone() -> None:
    chat = Chat()
    until = chat.now + timedelta(hours=3)
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None))
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert slot.is_first
    chat.take_slot()
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendNotMade(own_id=own_id, why="tier", code="63018", slow=True, sender_until=until))
    assert chat.lane() == []
    chat.now = until - timedelta(seconds=1)
    assert chat.lane() == []
    chat.now = until
    chat.accept()
    assert len(chat.said()) == 1
    chat, own_id = sending()
    chat.give(i.SendNotMade(own_id=own_id, why="tier", code="63018", slow=True, sender_until=until))
    assert waits(chat) == 12


def held_by_the_limit(chat: Chat) -> None:
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None))
    chat.take_slot()
    own_id, until = chat.sends()[0].part.own_id, chat.now + timedelta(hours=3)
    chat.give(i.SendNotMade(own_id=own_id, why="held", code="63018", sender_until=until, vendor_away=True))
    assert chat.lane() == []


def test_a_client_who_writes_ends_the_limit_for_this_one() -> None:
    chat = Chat()
    held_by_the_limit(chat)
    chat.write("hola")
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert not slot.is_first, "within 24 hours of a client's message there is no such limit"
    chat.accept()
    assert len(chat.said()) == 1


def test_a_first_message_that_came_back_is_one_still() -> None:
    chat = talking()
    chat.fails(chat.sent_ids()[0], "passing", "63112")
    chat.passes(seconds=12)
    [slot] = chat.lane()
    assert isinstance(slot, f.AwaitSlot)
    assert slot.is_first
    until = chat.now + timedelta(hours=3)
    chat.give(
        i.SendNotMade(own_id=slot.part.own_id, why="held", code="63112", sender_until=until, vendor_away=True)
    )
    assert waits(chat) == 3 * 3600
    chat.write("hola")
    chat.accept()
    assert len(chat.said()) == 2


def test_a_first_message_that_came_back_does_not_go_out_in_the_night() -> None:
    chat = talking(quiet_hours="21:00-08:00")
    chat.now = chat.now.replace(hour=3) + timedelta(days=1)  # 22:00 in Colombia
    chat.fails(chat.sent_ids()[0], "passing", "63112")
    chat.passes(seconds=12)
    chat.take_slot()
    assert chat.lane() == []
    chat.passes(hours=10)
    chat.accept()
    assert len(chat.said()) == 2


def test_an_unknown_outcome_is_looked_up_ever_more_rarely_and_nothing_else_is_sent() -> None:
    chat, own_id = sending("uno\n\ndos")
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    seen, ids = [], set()
    for _ in range(30):
        [lookup] = chat.lane()
        assert isinstance(lookup, f.LookUpSend)
        ids.add(lookup.id)
        chat.give(i.LookupDone(own_id=own_id))
        seen.append(waits(chat))
        chat.passes(seconds=seen[-1])
    assert seen[:5] == [1] * 5
    assert seen == sorted(seen)
    assert seen[-1] == 60
    assert len(ids) == len(seen)


_AGO = timedelta(seconds=10)


@pytest.mark.parametrize(
    ("answered", "left", "lives"),
    [(True, True, timedelta(0)), (False, True, REQUEST_LIVES - _AGO), (False, False, ATTEMPT_LIVES)],
    ids=["answered", "a time-out", "nobody knows when it left"],
)
def test_an_attempt_is_over_when_it_was_answered_or_as_late_as_it_can_live(
    answered: bool, left: bool, lives: timedelta
) -> None:
    chat, own_id = sending("uno")
    chat.passes(seconds=_AGO.total_seconds())
    left_at = chat.now - _AGO if left else None
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500", answered=answered, left_at=left_at))
    [lookup] = chat.lane()
    assert isinstance(lookup, f.LookUpSend)
    assert lookup.part.lives_until == chat.now + lives


def test_a_list_is_read_the_moment_that_it_may_prove_absence_and_often_from_then_on() -> None:
    chat, own_id = sending()
    chat.give(i.SendUnknown(own_id=own_id, why="cut", left_at=chat.now))
    begun, looked_at = chat.now, []
    proof_at, over_at = (begun + timedelta(seconds=after) for after in (26, 60))
    for _ in range(30):
        chat.give(i.LookupDone(own_id=own_id, proof_at=proof_at, over_at=over_at))
        chat.passes(seconds=waits(chat))
        looked_at.append(round((chat.now - begun).total_seconds(), 1))
    assert [at for at in looked_at if 26 <= at <= 31] == [26, 27, 28, 29, 30, 31]
    assert 60 in looked_at
    assert all(
        wait <= at / 5 + 1 for at, wait in zip(looked_at, map(sub, looked_at[1:], looked_at), strict=False)
    )


def test_what_a_look_up_finds_was_sent_when_it_was_intended() -> None:
    chat, own_id = sending()
    begun = chat.now
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    chat.passes(seconds=9)
    assert types(chat.give(i.LookupDone(own_id=own_id, sid="MM9"))) == ["sent"]
    assert list(chat.tables.messages.values())[-1]["sent_at"] == begun


def test_what_is_proven_absent_is_sent_again_or_left_to_an_operator() -> None:
    chat, own_id = sending()
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    assert types(chat.give(i.LookupDone(own_id=own_id, absent=True))) == ["deferred"]
    assert types(chat.accept()) == ["intended", "sent"]
    chat, own_id = sending("uno\n\ndos", twilio_unknown_send="hold")
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    [failed] = chat.give(i.LookupDone(own_id=own_id, absent=True))
    assert isinstance(failed, TurnFailed)
    assert failed.send_state == "held"
    assert [send["state"] for send in chat.tables.sends.values()] == ["accepted", "held", "held"]
    assert chat.state.is_idle


def test_a_refused_part_ends_the_turn_and_says_why() -> None:
    chat, own_id = sending("uno\n\ndos\n\ntres")
    chat.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    chat.take_slot()
    failed, _ = chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="refused", code="63013"))
    assert isinstance(failed, TurnFailed)
    assert (failed.what, failed.code, len(failed.own_ids)) == ("reply", "63013", 2)
    chat.accept()
    assert (chat.said()[1:], chat.state.is_idle) == (["uno", chat.policy.spoken.notices["apology"]], True)


def test_a_first_message_that_is_refused_is_422_with_the_vendors_words() -> None:
    chat = Chat()
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    refusal = i.SendRefused(own_id=chat.sends()[0].part.own_id, why="not whitelisted", code="63007")
    chat.give(refusal)
    assert chat.tables.outcome("call", "conv_1") == {
        "state": "failed",
        "error": {
            "status": 422,
            "error": "Failed to send WhatsApp message",
            "details": "not whitelisted (63007)",
        },
    }
    chat.write("hola")
    assert [type(effect) for effect in chat.lane()] == [f.AskAgent], "the conversation goes on"


def test_a_text_that_waited_until_the_window_was_closed_goes_as_a_template() -> None:
    template = {
        "twilio_reopen_content_sid": "HX1",
        "twilio_reopen_content_variables": '{"1": "{client_name}: {text}"}',
    }
    for hours, content in ((1, None), (25, {"content_sid": "HX1", "content_variables": {"1": "Ana: 20"}})):
        chat = talking(**template)
        chat.write("¿precio?")
        chat.answer("20", slot=False)
        chat.now += timedelta(hours=hours)
        chat.accept()
        assert list(chat.tables.sends.values())[-1]["content"] == content


def test_an_answer_that_comes_when_the_window_is_closed_goes_as_a_template_at_once() -> None:
    chat = talking(twilio_reopen_content_sid="HX1", twilio_reopen_content_variables='{"1": "{text}"}')
    chat.write("¿precio?")
    chat.now += timedelta(hours=25)
    chat.answer("20")
    assert chat.sends()[0].part.content == {"content_sid": "HX1", "content_variables": {"1": "20"}}


LATE: list[i.Input] = [
    i.SendNotMade(own_id="", why="late"),
    i.SendRefused(own_id="", why="late"),
    i.SendUnknown(own_id="", why="late"),
    i.LookupDone(own_id="", absent=True),
    i.SlotTaken(own_id=""),
    i.SendAccepted(own_id="", sid="MM8"),
]


@pytest.mark.parametrize("late", LATE, ids=lambda late: type(late).__name__)
@pytest.mark.parametrize("text", ["uno", "uno\n\ndos"])
def test_what_is_known_to_be_sent_stays_sent_whatever_comes_late(late: i.Input, text: str) -> None:
    chat, own_id = sending(text)
    chat.report(own_id, "sent", sid="MM1", send=None)
    before = chat.state
    kind: type = type(late)
    given = {name: getattr(late, name) for name in late.__dataclass_fields__} | {"own_id": own_id}
    assert (chat.give(kind(**given)), chat.state) == ([], before)


def test_what_a_new_owner_cannot_know_is_looked_up_and_what_was_not_tried_is_sent() -> None:
    chat, own_id = sending("uno\n\ndos")
    assert types(chat.give(i.Recovered())) == ["unknown"]
    chat.give(i.LookupDone(own_id=own_id, sid="MM1"))
    assert chat.give(i.Recovered()) == []
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos"]


def test_a_result_from_before_the_owner_changed_is_taken_all_the_same() -> None:
    chat, own_id = sending()
    chat.give(i.Recovered())
    assert types(chat.give(i.SendAccepted(own_id=own_id, sid="MM1"))) == ["sent"]
