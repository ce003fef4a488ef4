"""Dead letters are found, shown, retried, edited and discarded, and leave a trace of each."""

import asyncio
import base64
import json
import uuid
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from schemas.documents import now
from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import post_call
from tests.support.up import State, call_body, conversation_of, marks_of, on_database, write

_TOPIC = "call-completed"


async def _produce(up: State, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=up["kafka"]) as producer:
        for value in values:
            await producer.send_and_wait(_TOPIC, value, b"+573138534001", partition=0)


def _until_buried(command: Command, count: int, *filters: str) -> list[State]:
    for _ in range(60):  # each look is a process of its own
        found: list[State] = command("dead-letters", "list", *filters)["dead_letters"]
        if len(found) >= count:
            return found
    raise AssertionError(found)


def _failed_call(up: State, number: str) -> None:
    http.post(up["twilio_url"] + "/_sim/numbers", json={"number": number, "error_code": 21608})
    answer = post_call(up, f"conv_{number}", number)
    assert answer.status_code == 422


def test_a_letter_is_shown_edited_retried_and_leaves_a_trace(
    operated: State, command: Command, tmp_path: Path
) -> None:
    number, mark = "+573138534001", uuid.uuid4().hex
    body = call_body(f"conv_{mark}", number)
    broken = json.dumps(body | {"agent_id": ""}).encode()
    asyncio.run(_produce(operated, broken, b"\xff" + mark.encode(), b"{"))
    letters = _until_buried(command, 3, "--topic", _TOPIC, "--number", number)
    letter = next(each for each in letters if each["reason"] == "agent_id")
    shown = command("dead-letters", "show", letter["id"])
    assert base64.b64decode(shown["value"]["base64"]) == broken
    assert (shown["origin"]["partition"], shown["tries"], shown["key"]["text"]) == (0, 1, number)
    kept = command("dead-letters", "retry", letter["id"], code=1)
    assert "die again" in kept[0]["why"]  # type: ignore[index]

    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(body))
    done = command("dead-letters", "retry", letter["id"], "--value", str(edited), "--by", "Ana")
    assert done == [{"id": letter["id"], "action": "retried"}]
    assert conversation_of(operated, number, 1)["elevenlabs_conversation_id"] == f"conv_{mark}"
    trace = command("dead-letters", "show", letter["id"])
    assert (trace["state"], trace["closed"]["by"], trace["closed"]["reason"]) == ("retried", "Ana", "edited")
    assert base64.b64decode(trace["value"]["base64"]) == broken

    rest = [each["id"] for each in letters if each["id"] != letter["id"]]
    gone = command("dead-letters", "discard", *rest, "--reason", "prueba")
    assert [each["action"] for each in gone] == ["discarded"] * 2  # type: ignore[index]
    assert command("dead-letters", "list", "--number", number)["dead_letters"] == []
    assert len(command("dead-letters", "list", "--number", number, "--state", "all")["dead_letters"]) == 3


def test_a_retried_message_that_comes_after_newer_ones_is_marked_late_and_a_rate_bounds_many(
    operated: State, command: Command, tmp_path: Path
) -> None:
    number, sid = "+573138534003", f"SM{uuid.uuid4().hex}"
    post_call(operated, f"conv_{sid}", number)
    params = {
        "MessageSid": sid,
        "From": f"whatsapp:{number}",
        "To": "whatsapp:+14155238886",
        "Body": "primero",
    }
    event = {"event_id": sid, "received_at": now().isoformat(), "params": params}

    async def produce() -> None:
        async with AIOKafkaProducer(bootstrap_servers=operated["kafka"]) as producer:
            newer = json.dumps(
                event | {"schema_version": 99}
            ).encode()  # a newer build's, which this one cannot read
            await producer.send_and_wait("inbound-message", newer, number.encode())

    asyncio.run(produce())
    (letter,) = _until_buried(command, 1, "--number", number)
    write(operated, number, "segundo", f"SM{uuid.uuid4().hex}")
    conversation_of(operated, number, 3)
    readable = tmp_path / "readable.json"
    readable.write_text(json.dumps(event))
    command("dead-letters", "retry", letter["id"], "--value", str(readable), "--rate", "1")
    found = conversation_of(operated, number, 5)["messages"]
    assert [each["content"] for each in found if each["direction"] == "inbound"] == ["primero", "segundo"]
    marks = marks_of(operated, sid)
    assert (marks["late"], marks["replay"]) == (True, "dead-letter")
    assert command("dead-letters", "retry", "--all", "--rate", "0", code=2)["error"].startswith(
        "rate: must be a number"
    )


def test_the_index_is_made_again_from_the_topic_with_what_was_done(operated: State, command: Command) -> None:
    before = command("dead-letters", "list", "--state", "all", "--topic", _TOPIC)["dead_letters"]
    assert before
    on_database(operated, "TRUNCATE conversation_dead_letter, conversation_dead_letter_position")
    assert command("dead-letters", "list", "--state", "all", "--topic", _TOPIC)["dead_letters"] == before


def test_a_turn_refused_for_good_waits_for_somebody_and_goes_on_when_retried(operated: State) -> None:
    number = "+573138534002"
    _failed_call(operated, number)
    with httpx.Client(base_url=operated["web_url"], headers=operated["headers"], timeout=30) as api:
        found = api.get("/api/dead-letters", params={"number": number}).json()["dead_letters"]
        assert [each["reason"] for each in found] == ["refused"]
        assert "21608" in found[0]["details"]
        http.post(operated["twilio_url"] + "/_sim/numbers", json={"number": number, "error_code": None})
        done = api.post("/api/dead-letters/retry", json={"by": "Ana", "ids": [found[0]["id"]]}).json()[
            "results"
        ]
        assert [each["action"] for each in done] == ["retried"]
        assert conversation_of(operated, number, 1)["elevenlabs_conversation_id"] == f"conv_{number}"
        write(operated, number, "hola", f"SM{uuid.uuid4().hex}")
        conversation_of(operated, number, 3)
        assert api.get("/api/dead-letters", params={"number": number}).json()["dead_letters"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "?state=gone", None, 400),
        ("GET", "?limit=0", None, 400),
        ("GET", "?number=hola", None, 400),
        ("GET", "?since=soon", None, 400),
        ("POST", "/retry", {"by": "Ana"}, 400),
        ("POST", "/retry", {"by": "Ana", "ids": ["9-9999"]}, 404),
        ("POST", "/retry", {"ids": ["1-1"]}, 400),
        ("POST", "/retry", {"by": "A", "all": True, "reason": "x"}, 400),
        ("POST", "/discard", {"by": "A", "ids": ["1-1"]}, 400),
        ("POST", "/retry", {"by": "A", "all": True, "value_base64": "eA=="}, 400),
    ],
)
def test_bad_input_is_a_clear_error(
    operated: State, method: str, path: str, body: State | None, status: int
) -> None:
    url = f"{operated['web_url']}/api/dead-letters{path}"
    answer = http.request(method, url, json=body, headers=operated["headers"], timeout=30)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert http.request(method, url, json=body).status_code == 401
