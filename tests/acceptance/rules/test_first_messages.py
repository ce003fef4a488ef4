"""First messages: the approved template outside the window, text inside it, none if the call was no call."""

import json

import httpx

from tests.support import http
from tests.support.outside import post_body, post_call, sent_to, steer
from tests.support.up import State, call_body, conversation_of, eventually_sync, produce, write


def test_after_a_call_the_first_message_is_the_template_and_answers_are_text(up: State) -> None:
    number = "+573138540001"
    assert post_call(up, "conv_window", number).json()["status"] == "message_sent"
    write(up, number, "¿Cuánto cuesta?", "SM" + "1" * 32)
    chat = conversation_of(up, number, 3)
    assert chat["messages"][0]["content"].startswith("Hola Ana, gracias por la llamada.")
    bodies = [row["body"] for row in sent_to(up, number)]
    assert bodies == [chat["messages"][0]["content"], chat["messages"][2]["content"]]
    again = post_call(up, "conv_window_2", number)  # the client wrote just now: the window is open
    assert again.json()["status"] == "message_sent"
    assert sent_to(up, number)[-1]["body"].startswith("¡Hola Ana! Soy Agente.")


def test_what_twilio_finds_outside_the_window_is_sent_once_more_as_a_template(up: State) -> None:
    number = "+573138540002"
    post_call(up, "conv_outside", number)
    write(up, number, "hola", "SM" + "2" * 32)
    conversation_of(up, number, 3)
    steer(up, "window", number=number, hours_ago=25)  # Twilio's view differs from ours
    post_call(up, "conv_outside_2", number)
    eventually_sync(lambda: len(sent_to(up, number)) == 4)
    text, repeated = sent_to(up, number)[-2:]
    assert (text["status"], text["error_code"]) == ("undelivered", 63016)
    assert repeated["body"].startswith("Hola Ana, gracias por la llamada.")


def test_calls_that_were_not_really_calls(up: State) -> None:
    skipped = post_call(up, "conv_cancelled", "+573138540007", status="cancelled")
    assert (skipped.status_code, skipped.json()["status"]) == (200, "skipped")
    assert sent_to(up, "+573138540007") == []
    answer = http.get(up["web_url"] + "/api/conversations/+573138540007", headers=up["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert (
        post_call(up, "conv_voicemail", "+573138540008", status="voicemail").json()["status"]
        == "message_sent"
    )
    assert len(sent_to(up, "+573138540008")) == 1


def test_a_call_that_never_connected_is_followed_up_once_whichever_way_it_is_told(up: State) -> None:
    number = "+573138540079"
    body = call_body("", number, id="rcpt_9", conversation_id=None, status=None) | {"batch_id": "btcal_9"}
    first = post_body(up, body).json()
    assert first["status"] == "message_sent"
    assert post_body(up, body).json()["whatsapp_message_id"] == first["whatsapp_message_id"]
    produce(up, "call-completed", number, json.dumps(body).encode())
    write(up, number, "¿Cuánto cuesta?", "SM" + "79" * 16)
    conversation_of(up, number, 3)
    assert len(sent_to(up, number)) == 2
