"""The dead-letter index on a real Postgres: failed turns, repeated letters, what was done or erased."""

import base64
import uuid
from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from clients.kafka.producer import Producer
from clients.kafka.topics import ensure_topics
from db.pool import Pool
from db.queries import load
from db.readers.letters import ONE, OPEN_ONES, PAGE, POSITIONS, Position
from db.readers.persons import kept_of
from db.store.erasures import erasure_key
from rules import inputs as i
from rules.events import TurnFailed
from rules.turns import Waiting
from schemas.dead_letters import DeadLetter, DeadLetterClosed
from schemas.documents import now
from schemas.errors import Unavailable
from schemas.events import CallCompleted, InboundMessage
from schemas.phone import number_digest
from schemas.settings import Settings, load_settings
from schemas.topics import DEAD_LETTER
from tests.support.chat import NUMBER, types
from tests.support.stored_chat import StoredChat, stored_chat
from web.database import Database
from web.dead_letters.index import Index
from web.dead_letters.letters import Letters
from web.kafka_link import KafkaLink

_sql = load("dead_letters")
_PAGE = (None, None, None, None, None, None, 50)


@pytest.fixture
def index(pool: Pool) -> Index:
    return Index(load_settings({}), Database(pool))


def record(offset: int, value: object, key: str = NUMBER) -> Any:  # noqa: ANN401
    return SimpleNamespace(partition=2, offset=offset, key=key.encode(), value=value)


def letter(
    value: bytes = b"{", reason: str = "body", key: str = NUMBER, topic: str = "inbound-message"
) -> bytes:
    packed = base64.b64encode(key.encode()).decode(), base64.b64encode(value).decode()
    return DeadLetter(
        topic=topic,
        partition=1,
        offset=7,
        reason=reason,
        details="why",
        key_base64=packed[0],
        value_base64=packed[1],
        at=now(),
    ).to_json()


async def states(index: Index) -> dict[str, tuple[str, int]]:
    return {row.id: (row.state, row.tries) for row in await index.rows(PAGE, None, *_PAGE)}


async def test_letters_are_taken_up_once_and_the_same_bytes_again_are_one_more_try(index: Index) -> None:
    records = [record(0, letter()), record(1, b"not ours"), record(2, letter()), record(3, letter(b"other"))]
    for _ in range(2):
        await index._add(records)
    assert await states(index) == {"2-0": ("open", 1), "2-2": ("open", 2), "2-3": ("open", 1)}
    assert await index.rows(POSITIONS) == [Position(partition=2, next_offset=4)]
    closed = DeadLetterClosed(closes="2-0", state="discarded", by="Ana", reason="prueba", at=now())
    await index._add([record(4, closed.to_json())])
    assert (await states(index))["2-0"] == ("discarded", 1)
    found = await index.rows(OPEN_ONES, None, "body")
    whole = [row for each in found for row in await index.rows(ONE, each.id)]
    assert [(row.id, row.key, row.phone_number) for row in whole] == [
        ("2-2", NUMBER.encode(), NUMBER),
        ("2-3", NUMBER.encode(), NUMBER),
    ]


async def test_a_letter_that_postgres_cannot_hold_keeps_no_other_away(index: Index) -> None:
    most = DeadLetter.from_json(letter()).model_copy(update={"tries": 2**31 - 1}).to_json()
    await index._add_surely([record(0, most), record(1, most), record(2, letter(b"other"))])
    assert await states(index) == {"2-0": ("open", 2**31 - 1), "2-2": ("open", 1)}
    assert [each.next_offset for each in await index.rows(POSITIONS)] == [3]


async def test_what_was_buried_before_its_number_was_erased_stays_away(index: Index, pool: Pool) -> None:
    await erased(pool)
    await index._add([record(0, letter())])
    assert await states(index) == {}


async def erased(pool: Pool, number: str = NUMBER) -> None:
    digest = number_digest(await erasure_key(pool), number)
    at = (now() + timedelta(minutes=1)).replace(tzinfo=None)
    await pool.execute(
        "INSERT INTO conversation_erasure (number_digest, erased_at) VALUES ($1, $2)", digest, at
    )


_TELLS = [
    b'{"recipient": {"phone_number": "+57 313 853-9155", "id": 3000000000}',
    b'{"params": {"From": "whatsapp:+573138539155", "To": "whatsapp:+14155238886"}}',
    b'{"phone_number": 573138539155.0}',
    b"From=whatsapp%3A%2B573138539155&Body=hola",
    "\ud83d 573138539155".encode("utf-8", "surrogatepass"),
]


@pytest.mark.parametrize("value", _TELLS)
async def test_one_whose_key_is_no_number_goes_with_each_number_that_it_tells_of(
    index: Index, pool: Pool, value: bytes
) -> None:
    of_another = letter(b'{"From": "+573138530000"}', key="call-18")
    await index._add([record(0, letter(value, key="call-17")), record(1, of_another)])
    assert set(await states(index)) == {"2-0", "2-1"}
    chat = await stored_chat(pool)
    chat.call()
    chat.command("erase")
    await chat.save()
    assert set(await states(index)) == {"2-1"}
    await pool.execute(
        "UPDATE conversation_erasure SET erased_at = now() AT TIME ZONE 'UTC' + interval '1 hour'"
    )
    await pool.execute("UPDATE conversation_dead_letter_position SET next_offset = 0")
    await index._add([record(2, letter(value, key="call-19"))])
    assert set(await states(index)) == {"2-1"}, "it was buried before"


@pytest.mark.parametrize(
    ("region", "value", "goes"),
    [
        (None, b'{"recipient": {"phone_number": "3138539155"}}', True),
        (None, b'{"recipient": {"phone_number": 3138539155.0}}', True),
        (None, b'{"recipient": {"phone_number": "(0)313 853-9155"}}', True),
        (None, b'{"recipient": {"phone_number": "+1 313 853 9155"}}', False),
        ("CO", b'{"recipient": {"phone_number": "313 853 9155"}}', True),
        ("US", b'{"recipient": {"phone_number": "313 853 9155"}}', False),  # somebody in Detroit
        ("ES", b'{"recipient": {"phone_number": "3138539155"}}', True),  # nobody in Spain
    ],
)
async def test_one_that_names_no_country_is_of_default_regions_or_else_of_whoever_has_these_digits(
    pool: Pool, region: str | None, value: bytes, goes: bool
) -> None:
    index = Index(load_settings({}, default_region=region), Database(pool))
    await index._add([record(0, letter(value, key="call-17"))])
    exported = [each["value"] for each in (await kept_of(pool, NUMBER))["dead_letters"]]
    assert exported == ([value.decode()] if goes else [])
    chat = await stored_chat(pool)
    chat.call()
    chat.command("erase")
    await chat.save()
    assert set(await states(index)) == (set() if goes else {"2-0"})
    await pool.execute(
        "UPDATE conversation_erasure SET erased_at = now() AT TIME ZONE 'UTC' + interval '1 hour'"
    )
    await index._add([record(1, letter(value, key="call-18"))])
    assert set(await states(index)) == (set() if goes else {"2-0", "2-1"}), "it was buried before"


async def test_what_a_former_build_indexed_is_read_for_numbers_and_goes_if_they_were_erased(
    index: Index, pool: Pool
) -> None:
    await index._add(
        [record(n, letter(value, key=f"call-{n}")) for n, value in enumerate((_TELLS[0], b'{"a": 1'))]
    )
    await pool.execute("UPDATE conversation_dead_letter SET mentions = NULL")
    await erased(pool)
    assert await index._read_former()
    await pool.execute(_sql.forget_erased)
    assert set(await states(index)) == {"2-1"}
    assert not await index._read_former()


@pytest.fixture
async def chat(pool: Pool) -> StoredChat:
    """A conversation in which sends of unknown outcome are left to an operator."""
    chat = await stored_chat(pool, twilio_unknown_send="hold")
    chat.now = now() - timedelta(minutes=5)
    chat.call()
    chat.greet()
    return chat


def held(chat: StoredChat) -> i.KnownSend:
    """Nobody knows whether the message that is being sent is with Twilio, and its list does not show it.

    One that an operator has asked for is sent once more, and its outcome is unknown again.
    """
    own_id = chat.lane()[0].part.own_id  # type: ignore[attr-defined]
    if chat.state.turn is not None and chat.state.turn.reopened_at is not None:
        chat.give(i.LookupDone(own_id=own_id, absent=True))
        chat.take_slot()
        assert [each.part.own_id for each in chat.sends()] == [own_id]
    chat.give(i.SendUnknown(own_id=own_id, why="cut"))
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    send = chat.known_send(own_id)
    assert send is not None
    return send


def reopen(chat: StoredChat) -> None:
    """A worker goes on with the turn that failed last."""
    chat.now += timedelta(seconds=1)
    failed = [each.event for each in chat.events if isinstance(each.event, TurnFailed)][-1]
    waiting = Waiting(kind="message", event_id=failed.answers[0], at=chat.now)
    wanted = i.ReplayWanted(
        replay="dead-letter", wants="failed", waiting=waiting, identity="r", turn=failed.turn
    )
    assert types(chat.give(wanted)) == ["reopened"]


async def sweep(pool: Pool) -> None:
    await pool.execute(_sql.add_turns)
    await pool.execute(_sql.resolve_turns)


async def test_nobody_must_act_where_the_client_wants_no_messages(
    index: Index, pool: Pool, chat: StoredChat
) -> None:
    chat.write("hola")
    chat.answer()
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendRefused(own_id=own_id, why="unsubscribed", code="21610", by_person=True))
    await chat.save()
    await sweep(pool)
    assert await states(index) == {}


async def test_turns_that_failed_for_good_are_there_until_they_go_well(
    index: Index, pool: Pool, chat: StoredChat
) -> None:
    chat.write("hola", "SMin2")
    chat.answer()
    turn = held(chat).turn_id
    await chat.save()
    for _ in range(2):
        await sweep(pool)
    (found,) = await index.rows(OPEN_ONES, None, None)
    (row,) = await index.rows(ONE, found.id)
    assert (row.id, row.reason) == (f"turn-{turn}", "held")
    assert "TWILIO_UNKNOWN_SEND" in row.details
    event = InboundMessage.from_json(row.value or b"")
    assert (event.event_id, event.key, event.body) == ("SMin2", NUMBER, "hola")
    await index.close(row.id, DeadLetterClosed(closes=row.id, state="retried", by="Ana", at=now()))
    reopen(chat)
    await chat.save()
    await sweep(pool)
    assert await states(index) == {f"turn-{turn}": ("retried", 1)}
    chat.now = now()
    send = held(chat)
    await chat.save()
    await sweep(pool)  # it failed again
    assert await states(index) == {f"turn-{turn}": ("open", 2)}
    failed = [each.event for each in chat.events if isinstance(each.event, TurnFailed)][-1]
    assert failed.turn is not None
    chat.report(send.own_id, "delivered", sid="MM9", held=i.HeldTurn(turn=failed.turn))
    await chat.save()
    await sweep(pool)
    assert await states(index) == {f"turn-{turn}": ("resolved", 2)}


async def test_a_call_whose_first_message_was_refused_can_be_done_from_its_letter(
    index: Index, pool: Pool
) -> None:
    chat = await stored_chat(pool)
    chat.now = now()
    chat.call("conv_9")
    chat.give(i.DetailsFetched(call_id="conv_9", details=None, slot=True))
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="not whitelisted", code="21608"))
    await chat.save()
    await sweep(pool)
    (found,) = await index.rows(OPEN_ONES, None, None)
    (row,) = await index.rows(ONE, found.id)
    assert (row.topic, row.reason, row.details) == ("call-completed", "refused", "not whitelisted (21608)")
    assert CallCompleted.from_json(row.value or b"").event_id == "conv_9"


class Stalling:
    """Kafka that takes so many records, and then no more."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sent: list[tuple[str, str]] = []

    async def send(self, topic: str, key: str, value: bytes, *_: object) -> None:
        if len(self.sent) == self.most:
            raise Unavailable("Kafka does not answer")
        self.sent.append((topic, key))


async def test_what_was_retried_before_kafka_stalled_is_said_and_the_rest_stays_open(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = (
        b'{"event_id": "SM%d", "received_at": "2026-01-01T00:00:00Z", '
        b'"params": {"From": "whatsapp:+573138539155"}}'
    )
    await index._add([record(place, letter(message % place)) for place in range(4)])
    monkeypatch.setattr(index, "catch_up", nothing)
    kafka = Stalling(most=5)  # two, each with the record that it is done, and one without
    done = await Letters(index, cast(KafkaLink, kafka)).retry("Ana", None, None, rate=1000.0)
    assert [(each["id"], each["action"]) for each in done] == [
        ("2-0", "retried"),
        ("2-1", "retried"),
        ("2-2", "kept"),
        ("2-3", "kept"),
    ]
    assert done[3]["why"] == "Kafka does not answer; do it again"
    found = await states(index)
    assert [found[f"2-{place}"][0] for place in range(4)] == ["retried", "retried", "open", "open"]
    with pytest.raises(Unavailable):
        await Letters(index, cast(KafkaLink, Stalling(most=0))).retry("Ana", None, None)


async def nothing() -> None:
    """Have the index read up to the topic's end."""


async def test_one_of_a_number_without_its_country_is_retried_where_the_country_is_known(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = (
        b'{"agent_id": "a", "recipient": {"phone_number": "3138539155", "conversation_id": "conv_1", '
        b'"status": "completed"}}'
    )
    index = Index(load_settings({}), Database(pool))
    monkeypatch.setattr(index, "catch_up", nothing)
    await index._add([record(0, letter(value, key="call-17", topic="call-completed"))])
    kafka = cast(KafkaLink, Stalling(most=9))
    [kept] = await Letters(index, kafka).retry("Ana", ["2-0"], None)
    country = load_settings({}, default_region="CO").country
    [done] = await Letters(index, kafka, country).retry("Ana", ["2-0"], None)
    assert (kept["action"], done["action"]) == ("kept", "retried")
    assert cast(Stalling, kafka).sent[0] == ("call-completed", NUMBER)


async def _buried(settings: Settings, *records: bytes) -> None:
    producer = Producer(settings)
    await producer.start()
    try:
        for value in records:
            await producer.send(DEAD_LETTER, NUMBER.encode(), value)
    finally:
        await producer.stop()


@pytest.mark.parametrize("again", [2, 3, 4])
async def test_letters_of_a_topic_that_was_made_anew_are_found_beside_the_former_ones(
    pool: Pool, kafka_bootstrap: str, again: int
) -> None:
    """Another prefix is another topic of the same name. It may have fewer, as many or more letters by now."""
    former, anew = (
        load_settings({}, kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
        for _ in range(2)
    )
    for settings, many in ((former, 3), (anew, again)):
        await ensure_topics(settings)
        await _buried(settings, *(letter(b"{%d" % place) for place in range(many)))
        for _ in range(2):
            await Index(settings, Database(pool)).catch_up()
    index = Index(anew, Database(pool))
    found = await states(index)
    assert (len(found), set(found.values())) == (3 + again, {("open", 1), ("open", 2)})
    aside = sorted(each for each in found if "-of-" in each)
    assert len(aside) == min(3, again)
    assert [row.value for each in aside for row in await index.rows(ONE, each)] == [
        b"{%d" % place for place in range(len(aside))
    ]


async def test_what_was_done_with_a_turn_is_not_done_again_when_its_record_is_read_again(
    index: Index, pool: Pool, chat: StoredChat
) -> None:
    chat.write("hola", "SMin2")
    chat.answer()
    turn = f"turn-{held(chat).turn_id}"
    await chat.save()
    await sweep(pool)
    [failed] = await index.rows(OPEN_ONES, None, None)
    at = failed.buried_at.replace(tzinfo=UTC)
    for seconds, state in ((-1, "open"), (1, "retried")):
        when = at + timedelta(seconds=seconds)
        closed = DeadLetterClosed(closes=turn, state="retried", by="Ana", at=when)
        await index._add([record(7, closed.to_json())])
        assert await states(index) == {turn: (state, 1)}
