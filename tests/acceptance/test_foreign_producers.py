"""Records as any producer may write them: compressed, with headers of any bytes, in transactions."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import sent_to
from tests.support.raw_headers import produce_raw_header
from tests.support.up import State, call_body, conversation_of, eventually_sync, write

_CODECS = ("gzip", "snappy", "lz4", "zstd")
_RAW = "+573138546009"


@pytest.fixture(scope="module")
def up(operated: State) -> State:
    return operated


@pytest.fixture(scope="module", autouse=True)
def begun(up: State) -> tuple[str, int]:
    """When this file began and how long the log was, to skip what other tests left in topics and log."""
    return datetime.now(UTC).isoformat(), (Path(up["folder"]) / "up.log").stat().st_size


def _call(number: str) -> bytes:
    return json.dumps(call_body(f"conv_{number[1:]}", number)).encode()


async def _produce(up: State, number: str, codec: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=up["kafka"], compression_type=codec) as producer:
        await producer.send_and_wait("call-completed", _call(number), number.encode())


@pytest.mark.parametrize("codec", _CODECS)
def test_a_compressed_call_is_made_and_the_client_answered(up: State, codec: str) -> None:
    number = f"+57313854600{_CODECS.index(codec)}"
    asyncio.run(_produce(up, number, codec))
    conversation_of(up, number, 1)
    write(up, number, "¿Cuánto cuesta?", f"SM{_CODECS.index(codec):032x}")
    conversation_of(up, number, 3)


def test_a_header_that_is_no_text_spoils_nothing(up: State) -> None:
    asyncio.run(produce_raw_header(up["kafka"], "call-completed", _RAW.encode(), _call(_RAW), partition=0))
    assert conversation_of(up, _RAW, 1)["elevenlabs_conversation_id"] == f"conv_{_RAW[1:]}"


def test_a_transaction_counts_once_it_is_committed(up: State) -> None:
    """Commands and unknown numbers wait for earlier calls, but not for aborted or uncommitted ones."""
    asyncio.run(_transactions(up))
    assert conversation_of(up, "+573138546020", 1)["elevenlabs_conversation_id"] == "conv_573138546020"
    for number in ("+573138546021", "+573138546022"):
        assert sent_to(up, number) == []


async def _transactions(up: State) -> None:
    async with (
        AIOKafkaProducer(bootstrap_servers=up["kafka"], transactional_id=f"t-{uuid.uuid4().hex}") as kept,
        AIOKafkaProducer(bootstrap_servers=up["kafka"], transactional_id=f"t-{uuid.uuid4().hex}") as dropped,
    ):
        await dropped.begin_transaction()
        await dropped.send_and_wait("call-completed", _call("+573138546021"), b"+573138546021")
        await dropped.abort_transaction()
        await kept.begin_transaction()
        await kept.send_and_wait("call-completed", _call("+573138546020"), b"+573138546020")
        await kept.commit_transaction()
        await kept.begin_transaction()
        await kept.send_and_wait("call-completed", _call("+573138546022"), b"+573138546022")
        await asyncio.to_thread(conversation_of, up, "+573138546020", 1)
        await kept.abort_transaction()


def test_nothing_waits_that_is_no_record(up: State) -> None:
    """Transaction markers at a partition's end count as read in views, lag and statistics."""

    def lag() -> int:
        views = [http.get(f"http://127.0.0.1:{port}/partitions").json() for port in up["worker_ports"]]
        return sum(view["behind"] + sum(view["lag"].values()) for view in views)

    def unread() -> int:
        stats = http.get(up["stats_url"] + "/stats", headers=up["headers"]).json()
        return int(stats["stats"]["queue"]["waiting"])

    eventually_sync(lambda: lag() == 0)
    eventually_sync(lambda: unread() == 0)


def test_replay_and_statistics_read_them_as_well(up: State, begun: tuple[str, int], command: Command) -> None:
    since, length = begun
    plan = command("replay", "call-completed", "--since", since, "--dry-run", "--yes")
    assert "unreadable" not in json.dumps(plan)
    log = (Path(up["folder"]) / "up.log").read_bytes()[length:]
    assert b"process ended and is started again" not in log
