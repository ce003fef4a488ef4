"""Clients who ask for a person, have no visible number, or send files."""

import os
import signal

import httpx
import pytest

from schemas.phone import conversation_key
from tests.support import http
from tests.support.backend import Backend
from tests.support.outside import post_call, sent_to, steer
from tests.support.up import State, conversation_of, eventually_sync, write


def test_a_client_who_asks_for_a_person_gets_one_and_the_backend_is_told(up: State) -> None:
    number = "+573138540010"
    post_call(up, "conv_handoff", number)
    write(up, number, "Asesor, por favor", "SM8" + "0" * 31)
    conversation_of(up, number, 3)  # not the whole message: the agent answers
    Backend.away = True
    write(up, number, "Asesor", "SM8" + "1" * 31)
    chat = conversation_of(up, number, 5)
    os.kill(
        up["pids"]["worker-1"], signal.SIGKILL
    )  # started again; what the backend is to be told is in Postgres
    Backend.away = False
    assert (chat["status"], chat["messages"][-1]["content"][:23]) == ("escalated", "Te paso con una persona")
    write(up, number, "¿hay alguien?", "SM8" + "2" * 31)
    assert conversation_of(up, number, 6)["messages"][-1]["direction"] == "inbound"
    eventually_sync(lambda: any(event["phone_number"] == number for event in Backend.told))
    told = next(event for event in Backend.told if event["phone_number"] == number)
    assert (told["type"], told["data"]["by"]) == ("escalated", "client")
    assert len(sent_to(up, number)) == 3


@pytest.mark.parametrize("person", ["US.1234567890", "US.ENT.1234567890", "US." + "a" * 128])
def test_a_person_without_a_visible_number_has_a_conversation(up: State, person: str) -> None:
    write(up, person, "¿Cuánto cuesta?", f"SMa{len(person):031d}")
    chat = conversation_of(up, person, 2)
    assert (chat["phone_number"], chat["agent_id"]) == (conversation_key(person), "agent_for_strangers")
    assert [row["body"] for row in sent_to(up, person)] == [chat["messages"][1]["content"]]


def test_a_file_is_described_and_can_be_had(up: State) -> None:
    number, sid = "+573138540012", "MM" + "1" * 32
    post_call(up, "conv_media", number)
    files = [{"content_type": "application/pdf", "text": "el contrato"}]
    steer(up, "inbound", **{"from": number, "sid": sid, "media": files, "body": "mi contrato"})
    chat = conversation_of(up, number, 3)
    assert chat["messages"][1]["content"] == "[El cliente envió un documento PDF]\nmi contrato"
    url = f"{up['web_url']}/api/conversations/{number}/media/{sid}/0"
    file = http.get(url, headers=up["headers"], timeout=15)
    assert (file.status_code, file.text, file.headers["Content-Type"]) == (
        200,
        "el contrato",
        "application/pdf",
    )
    assert http.get(url).status_code == httpx.codes.UNAUTHORIZED
