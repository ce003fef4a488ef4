"""How events stand in a real store, and what a replay would do to each."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from db.pool import Pool
from rules import inputs as i
from rules.turns import Waiting
from schemas.documents import now
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.replay_mark import repetition
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.replay.candidates import Candidate, Wanted, read
from streams.replay.lookup import Lookup
from streams.replay.plan import Facts, Mode, Only, decide
from streams.replay.reader import Record
from tests.support.chat import policy_of
from tests.support.rebuild import PHONES
from tests.support.told_chat import ToldChat, World, world


@pytest.fixture
async def lived(pool: Pool) -> World:
    return await world(pool, policy_of(unknown_number_grace_seconds=60))


@pytest.fixture
def chat(lived: World) -> ToldChat:
    """A conversation whose first message was sent."""
    chat = lived.chat(PHONES[0])
    recipient = {"phone_number": PHONES[0], "conversation_id": "c1", "status": "completed"}
    chat.call("c1", recipient=recipient, batch_id="b1")
    chat.greet()
    return chat


def message(sid: str, number: str = PHONES[0], body: str = "hola") -> Candidate:
    params = {"MessageSid": sid, "From": f"whatsapp:{number}", "Body": body}
    event = InboundMessage(event_id=sid, received_at=now(), params=params)
    return read(Record(INBOUND_MESSAGE, 0, hash(sid) % 10_000, b"", event.to_json(), now()))


def call(conversation: str, number: str = PHONES[0]) -> Candidate:
    recipient = {"phone_number": number, "conversation_id": conversation, "status": "completed"}
    event = CallCompleted.from_object({"agent_id": "agent_1", "recipient": recipient})
    return read(Record(CALL_COMPLETED, 0, hash(conversation) % 10_000, b"", event.to_json(), now()))


def report(own_id: str, status: str) -> Candidate:
    params = {"MessageSid": f"SM{own_id[-4:]}", "MessageStatus": status, "To": f"whatsapp:{PHONES[0]}"}
    event = MessageStatus(event_id=f"{own_id}:{status}", received_at=now(), params=params, own_id=own_id)
    return read(Record(MESSAGE_STATUS, 0, hash(event.event_id) % 10_000, b"", event.to_json(), now()))


async def outcomes(
    pool: Pool,
    candidates: Sequence[Candidate],
    mode: Mode = "resume",
    only: Only = None,
    wanted: Wanted | None = None,
) -> list[str]:
    lookup = Lookup(pool, wanted or Wanted(), "r1" if mode == "again" else None)
    facts = [each or Facts() for each in await lookup.facts(candidates)]
    return [decide(mode, only, each) for each in facts]


def refused(chat: ToldChat, code: str = "63003") -> None:
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="no", code=code))
    chat.accept()  # the apology


async def test_what_is_done_under_way_and_never_taken_up(lived: World, chat: ToldChat, pool: Pool) -> None:
    chat.write("uno", "m1")
    chat.answer("uno")
    chat.accept()
    chat.write("dos", "m2")
    chat.answer("dos")
    chat.write("tres", "m3")
    lived.chat(PHONES[1]).write("¿quién es?", "m4")
    await lived.save()
    asked = [message("m1"), message("m2"), message("m3"), message("m4", PHONES[1]), message("m9")]
    assert await outcomes(pool, asked) == ["done", "unfinished", "unfinished", "unfinished", "new"]
    assert await outcomes(pool, [call("c1"), call("c9")]) == ["done", "new"]


async def test_what_an_unknown_number_wrote_is_left_alone_once_its_grace_is_over(
    lived: World, pool: Pool
) -> None:
    stranger = lived.chat(PHONES[1])
    stranger.write("¿quién es?", "m4")
    stranger.passes(minutes=2)
    await lived.save()
    assert await outcomes(pool, [message("m4", PHONES[1])]) == ["unanswered"]


async def test_failed_turns_and_those_that_were_overtaken(lived: World, chat: ToldChat, pool: Pool) -> None:
    for sid in ("m1", "m2"):
        chat.write("¿precio?", sid)
        chat.answer("uno")
        refused(chat)
    await lived.save()
    assert await outcomes(pool, [message("m1"), message("m2")]) == ["failed", "failed"]
    assert await outcomes(pool, [message("m1"), message("m9")], only="failed") == ["failed", "left out"]
    chat.write("¿hola?", "m3")
    chat.answer("tres")
    chat.accept()
    await lived.save()
    assert await outcomes(pool, [message("m1"), message("m2"), message("m3")]) == [
        "superseded",
        "superseded",
        "done",
    ]


async def test_what_was_accepted_and_failed_by_a_report(lived: World, chat: ToldChat, pool: Pool) -> None:
    for sid in ("m1", "m2"):
        chat.write(f"¿precio de {sid}?", sid)
        chat.answer(sid)
        chat.accept()
    of_m1, of_m2 = chat.sent_ids()[1:]
    chat.fails(of_m2, "passing", "63112")
    await lived.save()
    assert await outcomes(pool, [message("m1"), message("m2")]) == ["done", "unfinished"], (
        "it comes back by itself"
    )
    assert await outcomes(pool, [message("m2")], only="failed") == ["left out"]
    chat.passes(minutes=1)
    chat.accept()
    chat.fails(chat.sent_ids()[-1], "final", "63013")
    chat.accept()  # the apology
    await lived.save()
    assert await outcomes(pool, [message("m1"), message("m2")], only="failed") == ["left out", "failed"]
    chat.fails(of_m1, "final", "63013")
    await lived.save()
    assert await outcomes(pool, [message("m1")], only="failed") == ["superseded"], "m2 was answered after it"


async def test_nobody_who_asked_for_silence_is_written_to(lived: World, chat: ToldChat, pool: Pool) -> None:
    chat.write("¿precio?", "m1")
    chat.answer("uno")
    refused(chat)
    chat.write("STOP", "m2")
    chat.accept()
    chat.call("c2", recipient={"phone_number": PHONES[0], "conversation_id": "c2", "status": "completed"})
    await lived.save()
    assert await outcomes(pool, [message("m1")]) == ["suppressed"]
    assert await outcomes(pool, [call("c2")]) == ["suppressed"]
    assert await outcomes(pool, [message("m1")], "again") == ["suppressed"]
    chat.write("ALTA", "m3")
    chat.accept()
    await lived.save()
    assert await outcomes(pool, [call("c2")]) == ["failed"], "it was turned down, and may begin now"


async def test_a_replay_does_an_event_again_once(lived: World, chat: ToldChat, pool: Pool) -> None:
    chat.write("¿precio?", "m1")
    chat.answer("uno")
    chat.accept()
    await lived.save()
    assert await outcomes(pool, [message("m1")], "again") == ["again"]
    waiting = Waiting(kind="message", event_id="m1", at=chat.now, text="¿precio?", message_id=2)
    identity = repetition("r1", "m1")
    chat.give(i.ReplayWanted(replay="r1", wants="again", waiting=waiting, identity=identity))
    await lived.save()
    assert await outcomes(pool, [message("m1")], "again") == ["repeated"]


async def test_erased_numbers_stay_erased(lived: World, chat: ToldChat, pool: Pool) -> None:
    before = message("m1")
    chat.now = now() + timedelta(seconds=5)
    chat.command("erase")
    await lived.save()
    assert await outcomes(pool, [before]) == ["erased"]
    assert await outcomes(pool, [before], "again") == ["erased"]


async def test_a_report_counts_where_it_goes_further(lived: World, chat: ToldChat, pool: Pool) -> None:
    own_id = chat.sent_ids()[0]
    chat.report(own_id, "delivered")
    await lived.save()
    asked = [report(own_id, "sent"), report(own_id, "delivered"), report(own_id, "read")]
    foreign = report("00000000-0000-4000-8000-0000000000ff", "read")
    assert await outcomes(pool, [*asked, foreign]) == ["done", "done", "new", "done"]


async def test_one_number_and_one_campaign(lived: World, chat: ToldChat, pool: Pool) -> None:
    await lived.save()
    both = [message("m1"), message("m2", PHONES[1])]
    assert await outcomes(pool, both, wanted=Wanted(number=PHONES[0])) == ["new", "left out"]
    assert await outcomes(pool, both, wanted=Wanted(batch="b1")) == ["new", "left out"]
