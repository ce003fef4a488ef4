"""ElevenLabs' post-call webhook over fakes."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.support.gateway import NUMBER, FakeRows, Fakes, gateway
from web.elevenlabs_signature import TOLERANCE_SECONDS, is_signed
from web.post_call_event import call_completed

PATH = "/webhook/elevenlabs/post-call"
SECRET = "wsec"
NOW = 1739537297.0


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"ElevenLabs-Signature": f"t={stamp},v0={digest}"}


def event(kind: str = "post_call_transcription", **data: Any) -> bytes:  # noqa: ANN401
    metadata = {"call_duration_secs": 74, "phone_call": {"external_number": NUMBER},
                "batch_call": {"batch_call_id": "b1", "batch_call_recipient_id": "r1"}}  # fmt: skip
    known = {
        "agent_id": "agent_1", "conversation_id": "conv_1", "status": "done", "metadata": metadata,
        "transcript": [{"role": "user", "message": "Me interesa"}], "analysis": {"transcript_summary": "Le interesa"},
        "conversation_initiation_client_data": {"dynamic_variables": {"customer_name": "Luz Díaz"}},
    }  # fmt: skip
    return json.dumps({"type": kind, "event_timestamp": 1739537297, "data": known | data}).encode()


def test_the_signature_is_checked_with_its_age() -> None:
    header = signed(b"{}", at=NOW)["ElevenLabs-Signature"]
    assert is_signed(SECRET, header, b"{}", NOW + TOLERANCE_SECONDS)
    assert not is_signed(SECRET, header, b"{}", NOW + TOLERANCE_SECONDS + 1)
    assert is_signed(SECRET, header, b"{}", NOW - 3600)  # a clock that runs ahead
    assert not is_signed(SECRET, header, b"[]", NOW)
    assert not is_signed("other", header, b"{}", NOW)


@pytest.mark.parametrize("header", [None, "", "t=", "v0=", "t=x,v0=y", "t=" + "9" * 5_000, "t=1739537297,v0=ñ", ",,=,="])
def test_no_header_breaks_the_check(header: str | None) -> None:
    assert not is_signed(SECRET, header, b"{}", NOW)
    assert not is_signed(None, header, b"{}", NOW)


async def test_a_call_is_filled_in() -> None:
    fakes = Fakes(rows=FakeRows({"result": {"state": "noted"}}))
    async with gateway(fakes, elevenlabs_webhook_secret=SECRET) as client:
        answer = await client.post(PATH, data=event(), headers=signed(event()))
        assert (answer.status, (await answer.json())["status"]) == (200, "noted")
    [(told,)] = fakes.rows.asked
    assert isinstance(told, dict)
    assert (told["elevenlabs_conversation_id"], told["summary"], told["duration_secs"]) == ("conv_1", "Le interesa", 74)
    assert told["details"]["transcript"] == [("user", "Me interesa")]
    assert not fakes.publisher.events


async def test_whoever_did_not_sign_is_403_and_nothing_happens() -> None:
    fakes = Fakes()
    for secret in (SECRET, None):
        async with gateway(fakes, elevenlabs_webhook_secret=secret) as client:
            for headers in ({}, signed(event(), "other"), signed(event(), at=time.time() - 3600)):
                assert (await client.post(PATH, data=event(), headers=headers)).status == 403
    assert (fakes.rows.asked, fakes.publisher.events) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        event(metadata={"text_only": True}),
        event(conversation_initiation_client_data={"conversation_config_override": {"conversation": {"text_only": True}}}),
        event("post_call_audio"),
        event("something_new"),
        event("call_initiation_failure", failure_reason="busy"),
    ],
)
async def test_what_is_no_ended_call_is_ignored_with_200(body: bytes) -> None:
    fakes = Fakes()
    async with gateway(fakes, elevenlabs_webhook_secret=SECRET) as client:
        answer = await client.post(PATH, data=body, headers=signed(body))
        assert (answer.status, (await answer.json())["status"]) == (200, "ignored")
    assert (fakes.rows.asked, fakes.publisher.events) == ([], [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": 1}', b"\xff"])
async def test_signed_nonsense_is_400(body: bytes) -> None:
    async with gateway(Fakes(), elevenlabs_webhook_secret=SECRET) as client:
        assert (await client.post(PATH, data=body, headers=signed(body))).status == 400


async def test_it_stands_in_for_the_backend_where_that_is_set() -> None:
    fakes = Fakes()
    over = {"elevenlabs_webhook_secret": SECRET, "elevenlabs_post_call": "call-completed"}
    failure = {"type": "twilio", "body": {"To": "+573138539156", "CallStatus": "busy"}}
    bodies = [event(), event("call_initiation_failure", failure_reason="busy", metadata=failure), event(metadata={})]
    async with gateway(fakes, **over) as client:
        for body in bodies:
            assert (await client.post(PATH, data=body, headers=signed(body))).status == 200
    calls = [(key, json.loads(value)) for topic, key, value, _ in fakes.publisher.events if topic == "call-completed"]
    assert [key for key, _ in calls] == [NUMBER, "+573138539156"]  # a call from the browser has no number
    first, second = (value for _, value in calls)
    assert (first["recipient"]["status"], second["recipient"]["status"]) == ("completed", "busy")
    assert (first["batch_id"], first["call_metadata"]["client_name"]) == ("b1", "Luz Díaz")


def test_other_kinds_are_no_calls() -> None:
    assert call_completed("post_call_audio", {}) is None
