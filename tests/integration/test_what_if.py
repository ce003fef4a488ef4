"""Old events under today's rules, over a real store's log: suppression, refusals, silence, holds, answers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from db.pool import Pool
from rules import inputs as i
from rules.policy import Policy
from schemas.documents import now
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.replay.candidates import Wanted
from streams.replay.reader import Record
from streams.replay.what_if import Comparison, WhatIf
from tests.support.chat import policy_of
from tests.support.rebuild import PHONES
from tests.support.told_chat import ToldChat, World, world

NUMBER = PHONES[0]


@pytest.fixture
async def lived(pool: Pool) -> World:
    """A chat with something of everything, each at a moment of its own."""
    found = await world(pool, policy_of(twilio_unknown_send="hold"))
    chat = found.chat(NUMBER)
    _call(chat, "c1")
    _tick(chat)
    chat.greet()
    _tick(chat)
    chat.report(chat.sent_ids()[0], "delivered")
    for n, (question, answer) in enumerate((("¿precio?", "uno\n\ndos"), ("basta", "tres"))):
        _tick(chat)
        chat.write(question, f"m{n}")
        _tick(chat)
        chat.answer(answer)
        chat.accept()
    _tick(chat)
    chat.write("¿sigue ahí?", "m2")
    _tick(chat)
    chat.give(i.AgentFailed(question=("m2",), retryable=True, why="503"))
    chat.passes(hours=1)
    chat.answer("cuatro")
    _tick(chat)
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no", code="63003"))
    chat.accept()
    chat.passes(hours=90)
    _tick(chat)
    chat.write("STOP", "m3")
    chat.accept()
    _tick(chat)
    _call(chat, "c2")
    await found.save()
    return found


def _tick(chat: ToldChat) -> None:
    chat.now += timedelta(seconds=1)


def _call(chat: ToldChat, conversation: str) -> None:
    recipient = {"phone_number": NUMBER, "conversation_id": conversation, "status": "completed"}
    chat.call(conversation, recipient=recipient)


def messages() -> list[Record]:
    texts = ("¿precio?", "basta", "¿sigue ahí?", "STOP", "nunca llegó")
    params = [
        {"MessageSid": f"m{n}", "From": f"whatsapp:{NUMBER}", "Body": text} for n, text in enumerate(texts)
    ]
    events = [InboundMessage(event_id=each["MessageSid"], received_at=now(), params=each) for each in params]
    return [Record(INBOUND_MESSAGE, 0, n, b"", event.to_json(), now()) for n, event in enumerate(events)]


def calls() -> list[Record]:
    records = []
    for n, conversation in enumerate(("c1", "c2")):
        recipient = {"phone_number": NUMBER, "conversation_id": conversation, "status": "completed"}
        body = {"agent_id": "agent_1", "recipient": recipient, "call_metadata": {"client_name": "Ana García"}}
        records.append(Record(CALL_COMPLETED, 0, n, b"", CallCompleted.from_object(body).to_json(), now()))
    return records


def report(chat: ToldChat) -> Record:
    sid = chat.tables.sends[chat.sent_ids()[0]]["sid"]
    params = {"MessageSid": sid, "MessageStatus": "delivered", "To": f"whatsapp:{NUMBER}"}
    return Record(
        MESSAGE_STATUS,
        0,
        0,
        b"",
        MessageStatus(event_id="r", received_at=now(), params=params).to_json(),
        now(),
    )


async def compared(
    pool: Pool, policy: Policy, records: list[Record], wanted: Wanted | None = None
) -> Comparison:
    comparing = WhatIf(policy, pool, wanted or Wanted())
    await comparing.compare(records)
    return comparing.result


async def test_the_same_rules_decide_alike(pool: Pool, lived: World) -> None:
    for records, kinds, unknown in (
        (calls(), {"begins", "first message"}, 0),
        (messages(), {"message", "text", "intent"}, 1),
        ([report(lived.chat(NUMBER))], {"rank"}, 0),
        (
            lived.topic.records,
            {"begins", "first message", "message", "parts", "agent", "rank", "send", "timer"},
            0,
        ),
    ):
        found = await compared(pool, lived.policy, records)
        assert found.shown == []
        assert (set(found.compared), found.unknown, found.unreadable) == (kinds, unknown, 0)


async def test_other_words_of_a_stop(pool: Pool, lived: World) -> None:
    found = await compared(pool, policy_of(opt_out_words="basta"), messages())
    assert found.differing == {"message": 2, "intent": 2}
    stopped = next(each for each in found.shown if each.event_id == "m1" and each.what == "message")
    assert [event["type"] for event in stopped.now][:2] == ["received", "opted_out"]


async def test_other_ways_to_split_wait_and_end(pool: Pool, lived: World) -> None:
    for policy, differing in (
        (replace(lived.policy, split=lambda text: [text]), {"parts": 1}),
        (policy_of(conversation_idle_close_hours=0), {"timer": 1}),
        (policy_of(agent_patience_seconds=1), {}),
    ):
        assert (await compared(pool, policy, lived.topic.records)).differing == differing


async def test_a_call_that_was_turned_down_would_be_again(pool: Pool, lived: World) -> None:
    found = await compared(pool, lived.policy, calls()[1:])
    assert (found.compared, found.differing) == ({"begins": 1}, {})


async def test_of_another_number_nothing_is_compared(pool: Pool, lived: World) -> None:
    found = await compared(pool, lived.policy, messages(), Wanted(number=PHONES[1]))
    assert (found.compared, found.unknown) == ({}, 0)
