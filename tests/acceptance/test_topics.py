"""A backend that only produces to the topic, whatever its partitioner and spelling; two workers share it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.support import http
from tests.support.outside import post_call
from tests.support.up import State, call_body, conversation_of, running_up, write

# Longer than a call takes to be posted and taken up.
_GRACE_SECONDS = 8
_MEXICO, _BRAZIL, _ARGENTINA = "+5215587654321", "+551187654321", "+541123456789"
# (conversation, number, as WhatsApp spells it, key, partition)
_RECORDS: list[tuple[str, str, str, bytes | None, int | None]] = [
    ("conv_murmur2", "+573138530155", "+573138530155", b"+573138530155", None),
    ("conv_no_key", "+573138530156", "+573138530156", None, 3),
    ("conv_librdkafka", "+573138530157", "+573138530157", b"+573138530157", crc32(b"+573138530157") % 8),
    ("conv_other_key", "+573138530158", "+573138530158", b"42", 0),
    ("conv_mexico", "+525587654321", _MEXICO, b"+525587654321", None),
    ("conv_brazil", "+5511987654321", _BRAZIL, _BRAZIL.encode(), 7),
    ("conv_argentina", "+5491123456789", _ARGENTINA, None, 1),
]
_POISON: list[bytes | None] = [
    None,
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b'{"agent_id": 1}',
    b'{"recipient": "x"}',
]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[State]:
    variables = {
        "UNKNOWN_NUMBER_AGENT_ID": "agent_for_strangers",
        "UNKNOWN_NUMBER_GRACE_SECONDS": str(_GRACE_SECONDS),
    }
    with running_up(tmp_path_factory.mktemp("up"), jars, "--workers", "2", **variables) as state:
        yield state


async def _produce(up: State) -> None:
    """The backend produces its calls, with poison between them."""
    async with AIOKafkaProducer(bootstrap_servers=up["kafka"]) as producer:
        for place, (conversation, number, _, key, partition) in enumerate(_RECORDS):
            await producer.send_and_wait("call-completed", _POISON[place], b"poison", partition=place % 8)
            value = json.dumps(call_body(conversation, number)).encode()
            await producer.send_and_wait("call-completed", value, key, partition=partition)
        for poison in _POISON:
            await producer.send_and_wait("inbound-message", poison, b"poison", partition=0)
            await producer.send_and_wait("message-status", poison, b"poison", partition=1)


async def _dead_letters(up: State, least: int) -> list[State]:
    async with AIOKafkaConsumer(
        "dead-letter", bootstrap_servers=up["kafka"], auto_offset_reset="earliest", group_id=None
    ) as consumer:
        letters: list[State] = []
        async with asyncio.timeout(30):
            while len(letters) < least:
                batches = await consumer.getmany(timeout_ms=500)
                letters += [json.loads(record.value) for records in batches.values() for record in records]
        return letters


def test_a_produced_call_ends_like_a_posted_one(up: State) -> None:
    asyncio.run(_produce(up))
    for place, (conversation, number, written_from, _, _) in enumerate(_RECORDS):
        first = conversation_of(up, number, 1)
        assert (first["elevenlabs_conversation_id"], first["message_count"]) == (conversation, 1)
        write(up, written_from, "¿Cuánto cuesta?", f"SM{place:032x}")
    for _, number, _, _, _ in _RECORDS:
        chat = conversation_of(up, number, 3)
        assert [message["direction"] for message in chat["messages"]] == ["outbound", "inbound", "outbound"]


def test_answers_go_to_the_address_the_client_wrote_from(up: State) -> None:
    rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
    answered = {row["to"] for row in rows if row["direction"] != "inbound"}
    assert {f"whatsapp:{number}" for number in (_MEXICO, _BRAZIL, _ARGENTINA)} <= answered


def test_poison_becomes_dead_letters_and_holds_nothing_up(up: State) -> None:
    letters = asyncio.run(_dead_letters(up, len(_RECORDS) + 2 * len(_POISON)))
    topics = [letter["topic"] for letter in letters]
    assert topics.count("call-completed") == len(_RECORDS)
    assert topics.count("inbound-message") == topics.count("message-status") == len(_POISON)
    assert all(letter["reason"] for letter in letters)


def test_a_posted_call_that_was_produced_before_is_not_repeated(up: State) -> None:
    answer = post_call(up, "conv_murmur2", "+573138530155")
    assert (answer.status_code, answer.json()["status"]) == (200, "message_sent")
    first = [
        row
        for row in http.get(up["twilio_url"] + "/_sim/ledger").json()
        if row["to"].endswith("+573138530155")
    ]
    assert len([row for row in first if row["direction"] != "inbound"]) == 2


def test_both_workers_have_partitions(up: State) -> None:
    metrics = [http.get(f"http://127.0.0.1:{port}/partitions").json()["owned"] for port in up["worker_ports"]]
    assert sorted(partition for owned in metrics for partition in owned) == list(range(8))
    assert all(metrics)


def test_a_message_that_came_before_its_call_is_answered_after_it(up: State) -> None:
    write(up, "+573138530001", "¿Cuánto cuesta?", "SM" + "b" * 32)
    answer = post_call(up, "conv_late", "+573138530001")
    assert answer.status_code == httpx.codes.OK
    chat = conversation_of(up, "+573138530001", 3)
    rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
    sent = [
        row["body"] for row in rows if row["direction"] != "inbound" and row["to"].endswith("+573138530001")
    ]
    assert "Gracias por tu tiempo en la llamada" in sent[0]
    assert len(sent) == 2
    assert chat["elevenlabs_conversation_id"] == "conv_late"


def test_a_number_without_any_call_is_answered_by_the_configured_agent(up: State) -> None:
    write(up, "+573138530002", "Hola, ¿quién es?", "SM" + "c" * 32)
    chat = conversation_of(up, "+573138530002", 2)
    assert chat["agent_id"] == "agent_for_strangers"
    assert [message["direction"] for message in chat["messages"]] == ["inbound", "outbound"]
