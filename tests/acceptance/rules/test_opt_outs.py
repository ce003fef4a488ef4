"""Whoever has opted out or blocked us gets nothing more until they write that they want to."""

from itertools import count

import httpx

from tests.support import http
from tests.support.outside import post_call, sent_to, steer
from tests.support.up import State, conversation_of, eventually_sync, write


def test_stop_is_confirmed_once_and_a_later_campaign_is_409(up: State) -> None:
    number = "+573138540003"
    post_call(up, "conv_stop", number)
    write(up, number, "¡Baja!", "SM" + "3" * 32)
    chat = conversation_of(up, number, 3)
    assert chat["messages"][-1]["content"].startswith("Listo, no te escribiremos más.")
    for place in range(2):
        write(up, number, f"¿hola? {place}", f"SM{place:032x}", times=2)
    refused = post_call(up, "conv_stop_2", number)
    assert refused.status_code == httpx.codes.CONFLICT
    assert refused.json()["error"] == "The number has opted out"
    assert "ALTA" in refused.json()["details"]
    assert post_call(up, "conv_stop_2", number).status_code == httpx.codes.CONFLICT
    assert len(sent_to(up, number)) == 2  # the first message and the confirmation
    write(up, number, "alta", "SM" + "4" * 32)
    chat = conversation_of(up, number, 7)
    assert chat["messages"][-1]["content"].startswith("Listo, puedes volver")
    assert post_call(up, "conv_stop_3", number).json()["status"] == "message_sent"


def test_what_twilio_has_confirmed_is_not_confirmed_again(up: State) -> None:
    number = "+573138540004"
    post_call(up, "conv_twilio_stop", number)
    message = {"from": number, "body": "STOP", "sid": "SM" + "5" * 32, "extra": {"OptOutType": "STOP"}}
    assert http.post(up["twilio_url"] + "/_sim/inbound", json=message).json()["status"] == httpx.codes.OK
    conversation_of(up, number, 2)
    assert post_call(up, "conv_twilio_stop_2", number).status_code == httpx.codes.CONFLICT
    assert len(sent_to(up, number)) == 1


def test_a_number_that_blocked_us_is_409_from_then_on(up: State) -> None:
    number = "+573138540005"
    steer(up, "numbers", number=number, error_code=63033)
    assert post_call(up, "conv_blocked", number).json()["status"] == "message_sent"
    later = count(2)  # another call each time: the same one would have the same answer for ever
    eventually_sync(
        lambda: post_call(up, f"conv_blocked_{next(later)}", number).status_code == httpx.codes.CONFLICT
    )
    steer(up, "numbers", number="+573138540006", error_code=21610, when="sync")
    assert post_call(up, "conv_unsubscribed", "+573138540006").status_code == httpx.codes.CONFLICT
    steer(up, "numbers", number="+573138540006", error_code=None)
    assert post_call(up, "conv_unsubscribed_2", "+573138540006").status_code == httpx.codes.CONFLICT


def test_a_stop_while_the_agent_thinks_ends_its_answer(up: State) -> None:
    number, sim = "+573138540014", f"{up['elevenlabs_url']}/_sim"
    post_call(up, "conv_stop_early", number)
    assert http.post(f"{sim}/settings", json={"latency_ms": 4000}).is_success
    write(up, number, "¿Cuánto cuesta?", "SMb" + "0" * 31)
    eventually_sync(lambda: number in http.get(f"{sim}/ledger").text)
    write(up, number, "STOP", "SMb" + "1" * 31)
    assert http.post(f"{sim}/settings", json={"latency_ms": 0}).is_success
    chat = conversation_of(up, number, 4)
    assert chat["messages"][-1]["content"].startswith("Listo, no te escribiremos más.")
    assert len(sent_to(up, number)) == 2  # the first message and the confirmation
