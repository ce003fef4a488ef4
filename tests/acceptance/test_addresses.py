"""One person with several addresses, from outside: HTTP, commands, the vendor's webhooks and its list."""

import asyncio
import json
import uuid
from functools import partial

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from schemas.documents import now
from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import cli, post_call, steer
from tests.support.up import State, conversation_of, eventually_sync, write

_FIRST, _NEW = "+573138545001", "+573138545002"
_USER, _NEW_USER, _PARENT = "CO.5450010", "CO.5450020", "CO.ENT.545"
_ALL = (_FIRST, _USER, _PARENT, _NEW, _NEW_USER)
_ODD, _OTHER = "+573138545003", "+573138545004"
_WAIT_SECONDS = 60


def _write(up: State, telephone: str, text: str) -> None:
    write(up, telephone, text, f"SM{uuid.uuid4().hex}")


@pytest.fixture(scope="module")
def moved(operated: State) -> State:
    """Somebody who was called, wrote with number and id, from a new number, and from its id alone."""
    steer(operated, "settings", window=False)
    assert post_call(operated, "conv_545", _FIRST).json()["status"] == "message_sent"
    known = {"parent_id": _PARENT, "shows": "both"}
    steer(operated, "people", number=_FIRST, user_id=_USER, **known)
    _write(operated, _FIRST, "uno")
    conversation_of(operated, _FIRST, 3)
    steer(operated, "people", number=_NEW, user_id=_NEW_USER, former=_FIRST, **known)
    _write(operated, _NEW, "dos")
    conversation_of(operated, _FIRST, 5)
    steer(operated, "people", number=_NEW, user_id=_NEW_USER, parent_id=_PARENT, shows="id")
    _write(operated, _NEW, "tres")
    conversation_of(operated, _FIRST, 7)
    return operated


def _addressed(up: State, address: str, path: str = "", **body: object) -> httpx.Response:
    url = f"{up['web_url']}/api/conversations/{address}{path}"
    return http.request("POST" if body else "GET", url, json=body or None, headers=up["headers"], timeout=15)


@pytest.mark.parametrize("address", _ALL)
def test_every_address_leads_to_the_conversation_with_the_calls_memory(moved: State, address: str) -> None:
    found = _addressed(moved, address).json()["conversation"]
    assert (found["phone_number"], found["elevenlabs_conversation_id"]) == (_FIRST, "conv_545")
    said = [each["content"] for each in found["messages"] if each["direction"] == "inbound"]
    assert said == ["uno", "dos", "tres"]
    assert found["message_count"] == 7


def test_they_were_answered_where_they_were(moved: State) -> None:
    rows = http.get(moved["twilio_url"] + "/_sim/ledger").json()
    mine = {f"whatsapp:{each}" for each in _ALL}
    told = [row for row in rows if row["to"] in mine and row["direction"] == "outbound-api"]
    assert [row["to"] for row in told] == [f"whatsapp:{each}" for each in (_FIRST, _FIRST, _NEW, _NEW)]
    assert {row["status"] for row in told} <= {"sent", "delivered", "read"}


@pytest.mark.parametrize("address", _ALL)
def test_every_address_exports_all_of_it(moved: State, address: str) -> None:
    kept = json.loads(cli(moved, "export", address).stdout)
    assert (kept["phone_number"], {each["phone_number"] for each in kept["addresses"]}) == (
        _FIRST,
        {*_ALL} - {_FIRST},
    )
    assert [text in json.dumps(kept) for text in ("uno", "dos", "tres")] == [True] * 3


@pytest.mark.parametrize("address", _ALL)
def test_an_operators_command_to_any_address_is_done(moved: State, address: str) -> None:
    for name, status in (("escalate", "escalated"), ("resume", "active")):
        answer = _addressed(moved, address, "/commands", command=name, by="ana")
        assert answer.status_code in (200, 202), (
            "of a merged address it may take longer than an operator waits"
        )
        eventually_sync(partial(_stands, moved, status), _WAIT_SECONDS)


def _stands(up: State, status: str) -> bool:
    return bool(_addressed(up, _FIRST).json()["conversation"]["status"] == status)


@pytest.mark.parametrize("address", _ALL)
def test_a_replay_of_any_address_is_of_all(moved: State, command: Command, address: str) -> None:
    plan = command(
        "replay", "inbound-message", "--since", "1h", "--mode", "again", "--number", address, "--dry-run"
    )
    assert (plan["published"], plan["clients"]) == (3, 1)


def test_what_was_lost_from_any_address_is_filled_in_and_answered(moved: State, command: Command) -> None:
    for place, telephone in enumerate((_NEW, _NEW_USER)):
        lost = {"from": telephone, "body": f"perdido {place}", "extra": {"AccountSid": "another"}}
        http.post(moved["twilio_url"] + "/_sim/inbound", json=lost, timeout=20)
    assert len(command("backfill", "--since", "1h")["messages"]) == 2
    eventually_sync(lambda: _has_answered(moved, "perdido 0", "perdido 1"), _WAIT_SECONDS)
    assert _addressed(moved, _NEW_USER).json()["conversation"]["phone_number"] == _FIRST


def _has_answered(up: State, *texts: str) -> bool:
    messages = _addressed(up, _FIRST).json()["conversation"]["messages"]
    said = [each["content"] for each in messages if each["direction"] == "inbound"]
    return all(text in said for text in texts) and messages[-1]["direction"] == "outbound"


def test_a_dead_letter_of_any_address_is_listed_for_all(moved: State, command: Command) -> None:
    sid = f"SM{uuid.uuid4().hex}"
    params = {"MessageSid": sid, "From": f"whatsapp:{_NEW_USER}", "Body": "de otra versión"}
    event = {"event_id": sid, "received_at": now().isoformat(), "params": params, "schema_version": 99}

    async def produce() -> None:
        async with AIOKafkaProducer(bootstrap_servers=moved["kafka"]) as producer:
            await producer.send_and_wait("inbound-message", json.dumps(event).encode(), _NEW_USER.encode())

    asyncio.run(produce())
    eventually_sync(lambda: bool(_letters(moved, number=_FIRST)), _WAIT_SECONDS)
    for address in _ALL:
        assert [each["reason"] for each in _letters(moved, number=address)] == ["schema_version"]


def _letters(up: State, **query: str) -> list[State]:
    answer = http.get(up["web_url"] + "/api/dead-letters", params=query, headers=up["headers"], timeout=15)
    found: list[State] = answer.json()["dead_letters"]
    return found


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "whatsapp:co.1",
        "whatsapp:+CO.1",
        f"whatsapp:CO.{'a' * 128}",
        f"whatsapp:CO.{'a' * 129}",
        f"whatsapp:{_ODD}",
        f"whatsapp:{_OTHER}",
        f"whatsapp:{_USER}",
        "\x00",
        "whatsapp:CO.1\u200b",
    ],
)
@pytest.mark.parametrize("name", ["ExternalUserId", "ParentExternalUserId"])
def test_an_odd_form_of_an_id_loses_nothing(moved: State, name: str, odd: str) -> None:
    """Nor does one that is somebody else's: it is said, and nothing is merged."""
    post_call(moved, "conv_odd", _ODD)
    before = conversation_of(moved, _ODD, 1)["message_count"]
    text, sid = f"hola {uuid.uuid4().hex}", f"SM{uuid.uuid4().hex}"
    message = {"from": _ODD, "body": text, "sid": sid, "extra": {name: odd}}
    assert http.post(moved["twilio_url"] + "/_sim/inbound", json=message).json()["status"] == httpx.codes.OK
    found = conversation_of(moved, _ODD, before + 2)
    assert (found["phone_number"], found["elevenlabs_conversation_id"]) == (_ODD, "conv_odd")
    assert [each["content"] for each in found["messages"]].count(text) == 1
    assert _addressed(moved, _FIRST).json()["conversation"]["elevenlabs_conversation_id"] == "conv_545"


def test_an_id_of_two_numbers_is_said_in_health(moved: State) -> None:
    eventually_sync(
        lambda: _line(moved, "addresses came with two numbers within the last hour"), _WAIT_SECONDS
    )


@pytest.mark.parametrize("address", ["", "co.1234", "+CO.1234", f"CO.{'a' * 129}", "nobody", "CO."])
def test_a_message_without_a_usable_address_is_a_dead_letter_with_its_reason(
    moved: State, address: str
) -> None:
    text, sid = f"hola {uuid.uuid4().hex}", f"SM{uuid.uuid4().hex}"
    message = {
        "from": address,
        "body": text,
        "sid": sid,
        "extra": {"From": f"whatsapp:{address}" if address else ""},
    }
    assert http.post(moved["twilio_url"] + "/_sim/inbound", json=message).json()["status"] == httpx.codes.OK
    eventually_sync(lambda: bool(_of_message(moved, sid)), _WAIT_SECONDS)
    [letter] = _of_message(moved, sid)
    assert (letter["reason"], letter["state"]) == ("From", "open")
    assert "id" in letter["details"]
    eventually_sync(lambda: _line(moved, "events became dead letters within the last hour"), _WAIT_SECONDS)
    work = http.get(moved["web_url"] + "/health").json()["work"]
    assert work["queue"]["dead_letters_last_hour"] >= 1


def _of_message(up: State, sid: str) -> list[State]:
    letters = [each for each in _letters(up, topic="inbound-message") if each["reason"] == "From"]
    shown = [_shown(up, each["id"]) for each in letters]
    return [each for each in shown if sid in each["value"]["text"]]


def _shown(up: State, letter_id: str) -> State:
    answer = http.get(f"{up['web_url']}/api/dead-letters/{letter_id}", headers=up["headers"], timeout=15)
    letter: State = answer.json()["dead_letter"]
    return letter


def _line(up: State, line: str) -> bool:
    return line in http.get(up["web_url"] + "/health").json()["work"]["problems"]


def test_a_stop_from_any_address_counts_for_all(moved: State) -> None:
    _write(moved, _NEW, "STOP")
    eventually_sync(
        lambda: _addressed(moved, _FIRST).json()["conversation"]["messages"][-2]["content"] == "STOP"
    )
    for place, number in enumerate((_FIRST, _NEW)):
        answer = post_call(moved, f"conv_stopped_{place}", number)
        assert answer.status_code == httpx.codes.CONFLICT


def test_erased_at_any_address_nothing_is_left_at_any(moved: State, command: Command) -> None:
    assert command("erase", _NEW_USER, "--yes")["status"] == "done"
    for address in _ALL:
        eventually_sync(
            lambda address=address: _addressed(moved, address).status_code == httpx.codes.NOT_FOUND
        )  # type: ignore[misc]
    for place, number in enumerate((_FIRST, _NEW)):
        assert post_call(moved, f"conv_forgotten_{place}", number).status_code == httpx.codes.CONFLICT
