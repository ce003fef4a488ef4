"""What replays and reports make of events that were already done, read from the real store."""

from datetime import timedelta
from typing import Literal

import pytest

from db.pool import Pool
from db.store.lookups import seen_events
from rules import inputs as i
from rules.effects import AwaitSlot
from rules.events import Reopened, Repeated
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.replay_mark import Mark
from schemas.texts import shipped
from streams.actors.reading import InputReader
from streams.actors.records import Arrived
from streams.actors.reports import failure_of
from streams.actors.values import Told
from tests.support.chat import NUMBER, types
from tests.support.stored_chat import StoredChat, stored_chat

APOLOGY = shipped("es").settings["apology_text"]
Wants = Literal["open", "failed", "again"]


@pytest.fixture
async def chat(pool: Pool) -> StoredChat:
    """A call, its first message, and a question whose answer's second message is about to be sent."""
    chat = await stored_chat(pool, twilio_unknown_send="hold")
    chat.call()
    chat.greet()
    chat.write("¿precio?", "SM1")
    chat.answer("uno\n\ndos")
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM1"))
    chat.take_slot()
    return chat


async def _nothing() -> None:
    """All calls are read."""


def _reader(pool: Pool, chat: StoredChat) -> InputReader:
    return InputReader(pool, chat.policy, _nothing)


async def _message(chat: StoredChat, pool: Pool, wants: Wants, event_id: str = "SM1") -> Told:
    params = {"MessageSid": event_id, "From": f"whatsapp:{NUMBER}", "Body": "¿precio?"}
    event = InboundMessage(event_id=event_id, received_at=chat.now, params=params)
    mark = Mark("r1", wants, "inbound-message/0/0", chat.now)
    [told] = await _reader(pool, chat).messages([Arrived(event=event, at=chat.now, mark=mark)])
    return told


async def _refused(chat: StoredChat) -> None:
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="refused", code="63013"))
    chat.accept()  # the apology
    await chat.save()


async def test_a_turn_that_failed_goes_on_where_it_failed(pool: Pool, chat: StoredChat) -> None:
    await _refused(chat)
    told = await _message(chat, pool, "failed")
    assert types(chat.give(told.given)) == ["reopened"]
    chat.accept()
    assert chat.said()[1:] == ["uno", APOLOGY, "dos"]
    await chat.save()
    assert isinstance((await _message(chat, pool, "failed")).given, i.MessageReceived), "it is done by now"


async def _burnt(chat: StoredChat) -> None:
    """All of the answer was taken, and of its first message a report says that it never arrived."""
    chat.accept()
    chat.fails(chat.sent_ids()[1], "final", "63013")
    chat.accept()  # the apology
    await chat.save()


async def test_what_was_sent_and_failed_by_a_report_is_said_once_more(pool: Pool, chat: StoredChat) -> None:
    await _burnt(chat)
    told, overlapping = [await _message(chat, pool, "failed") for _ in range(2)]
    assert types(chat.give(told.given)) == ["reopened"]
    assert chat.give(overlapping.given) == [], "another replay of the same"
    await chat.save()
    assert await seen_events(
        pool,
        [overlapping.event],  # type: ignore[list-item]
    ), "a worker does not even hand it over"
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", APOLOGY, "uno"]
    await chat.save()
    assert isinstance((await _message(chat, pool, "failed")).given, i.MessageReceived), "it is done by now"


async def test_what_was_burnt_twice_may_be_said_a_third_time(pool: Pool, chat: StoredChat) -> None:
    await _burnt(chat)
    for _ in range(2):
        chat.give((await _message(chat, pool, "failed")).given)
        chat.accept()
        chat.fails(chat.sent_ids()[-1], "final", "63013")
        chat.accept()
        await chat.save()
    assert chat.said()[1:] == ["uno", "dos", APOLOGY, "uno", APOLOGY, "uno", APOLOGY]


async def test_what_came_back_by_itself_is_not_said_twice(pool: Pool, chat: StoredChat) -> None:
    chat.accept()
    chat.fails(chat.sent_ids()[-1], "passing", "63112")
    await chat.save()
    assert chat.give((await _message(chat, pool, "failed")).given) == []
    chat.passes(minutes=1)
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "dos"]


async def test_where_something_later_was_said_what_was_burnt_stays_so(pool: Pool, chat: StoredChat) -> None:
    await _burnt(chat)
    chat.exchange()
    await chat.save()
    told = await _message(chat, pool, "failed")
    assert isinstance(told.given, i.ReplayWanted)
    assert (told.given.superseded, chat.give(told.given)) == (True, [])


async def test_a_burnt_first_message_is_one_still(pool: Pool) -> None:
    chat = await stored_chat(pool)
    chat.call()
    chat.greet()
    chat.fails(chat.sent_ids()[0], "final", "63112")
    await chat.save()
    told = await _call(chat, pool, "conv_1", "failed")
    assert types(chat.give(told.given)) == ["reopened"]
    [slot] = chat.lane()
    assert isinstance(slot, AwaitSlot)
    assert slot.is_first
    chat.accept()
    await chat.save()
    assert len(chat.said()) == 2
    assert isinstance((await _call(chat, pool, "conv_1", "failed")).given, i.CallEnded)


@pytest.mark.parametrize("code", ["63018", "20003", "20005", "30002", "63051", "63101", "63112"])
async def test_what_an_account_burnt_for_more_than_a_day_is_said_by_a_replay(pool: Pool, code: str) -> None:
    chat = await stored_chat(pool)
    chat.call()
    chat.greet()
    begun, failure = chat.now, failure_of(code, "refused")
    while chat.now - begun <= timedelta(days=1):
        chat.report(chat.sent_ids()[-1], "undelivered", failure=failure)
        due = chat.due()
        assert due is not None, "it comes back by itself"
        chat.passes(seconds=(due - chat.now).total_seconds())
        chat.accept()
    chat.report(chat.sent_ids()[-1], "undelivered", failure=failure)
    assert chat.lane() == [], "what was said a day ago is not said any more, unless somebody wants it"
    await chat.save()
    told = await _call(chat, pool, "conv_1", "failed")
    assert types(chat.give(told.given)) == ["reopened"]
    chat.accept()
    await chat.save()
    assert isinstance((await _call(chat, pool, "conv_1", "failed")).given, i.CallEnded), "it is done by now"


async def test_what_did_not_fail_is_not_done_again(pool: Pool, chat: StoredChat) -> None:
    chat.accept()
    await chat.save()
    for wants in ("open", "failed"):
        told = await _message(chat, pool, wants)  # type: ignore[arg-type]
        assert (type(told.given), told.event) == (i.MessageReceived, ("message", "SM1"))


async def test_where_something_later_was_said_it_stays_failed(pool: Pool, chat: StoredChat) -> None:
    await _refused(chat)
    chat.exchange()
    await chat.save()
    told = await _message(chat, pool, "failed")
    assert isinstance(told.given, i.ReplayWanted)
    assert told.given.superseded
    assert chat.give(told.given) == []


async def test_done_again_it_is_asked_with_the_message_that_is_there(pool: Pool, chat: StoredChat) -> None:
    chat.accept()
    await chat.save()
    told = await _message(chat, pool, "again")
    [repeated] = chat.give(told.given)
    assert isinstance(repeated, Repeated)
    [row_id] = [
        row["id"]
        for row in await pool.fetch("SELECT id FROM conversation_messages WHERE direction = 'inbound'")
    ]
    assert (repeated.waiting.message_id, repeated.waiting.text) == (row_id, "¿precio?")
    assert told.event == ("message", repeated.identity)
    await chat.save()
    assert (await _message(chat, pool, "again")).event == told.event, "under the same id: it is done once"


async def test_an_event_that_never_came_is_like_any_other(pool: Pool, chat: StoredChat) -> None:
    await chat.save()
    told = await _message(chat, pool, "failed", "SM-new")
    assert (type(told.given), told.event) == (i.MessageReceived, ("message", "SM-new"))


async def _call(chat: StoredChat, pool: Pool, conversation: str, wants: Wants) -> Told:
    recipient = {"phone_number": NUMBER, "conversation_id": conversation}
    event = CallCompleted.from_object({"agent_id": "agent_1", "recipient": recipient})
    mark = Mark("r1", wants, "call-completed/0/0", chat.now)
    [told] = await _reader(pool, chat).calls([Arrived(event=event, at=chat.now, mark=mark)])
    return told


async def test_a_call_that_was_turned_down_begins_once_the_client_wants_messages(
    pool: Pool, chat: StoredChat
) -> None:
    chat.accept()
    chat.write("STOP")
    chat.accept()
    chat.now += timedelta(minutes=1)
    chat.call("conv_2")
    await chat.save()
    told = await _call(chat, pool, "conv_2", "failed")
    assert chat.give(told.given) == []
    chat.write("ALTA")
    chat.accept()
    assert types(chat.give(told.given))[:2] == ["repeated", "started"]


async def test_a_former_call_is_not_done_again(pool: Pool, chat: StoredChat) -> None:
    chat.accept()
    chat.call("conv_2")
    chat.greet()
    await chat.save()
    for conversation, superseded in (("conv_1", True), ("conv_2", False)):
        told = await _call(chat, pool, conversation, "again")
        assert isinstance(told.given, i.ReplayWanted)
        assert told.given.superseded is superseded


async def test_a_report_proves_a_send_that_was_left_to_an_operator(pool: Pool, chat: StoredChat) -> None:
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="cut"))
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    await chat.save()
    params = {"MessageSid": "MM2", "MessageStatus": "delivered", "To": f"whatsapp:{NUMBER}"}
    event = MessageStatus(event_id="MM2:delivered", received_at=chat.now, params=params, own_id=own_id)
    [told] = await _reader(pool, chat).reports([Arrived(event=event, at=chat.now)])
    assert types(chat.give(told.given)) == ["sent", "delivered"]
    assert chat.said()[1:] == ["uno", "dos"]
    assert Reopened not in map(type, chat.events), "nothing of it is left to be sent"
