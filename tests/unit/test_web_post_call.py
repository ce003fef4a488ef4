"""ElevenLabs' post-call webhook over fakes."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from clients.elevenlabs.signature import AHEAD_SECONDS, TOLERANCE_SECONDS, SignatureCheck
from schemas.commands import NOTE_DETAILS, ConversationCommand
from tests.support.gateway import NUMBER, FakeRows, Fakes, gateway
from web.post_call import call_completed

PATH = "/webhook/elevenlabs/post-call"
SECRET = "wsec"
NOW = 1739537297.0


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"ElevenLabs-Signature": f"t={stamp},v0={digest}"}


def is_signed(secret: str | None, header: str | None, body: bytes, now: float) -> bool:
    check = SignatureCheck.begin(secret, header, now)
    if check is None:
        return False
    for piece in (body[:1], body[1:]):
        check.take(piece)
    return check.is_right()


def event(kind: str = "post_call_transcription", **data: Any) -> bytes:  # noqa: ANN401
    metadata = {
        "call_duration_secs": 74,
        "phone_call": {"external_number": NUMBER},
        "batch_call": {"batch_call_id": "b1", "batch_call_recipient_id": "r1"},
    }
    known = {
        "agent_id": "agent_1",
        "conversation_id": "conv_1",
        "status": "done",
        "metadata": metadata,
        "transcript": [{"role": "user", "message": "Me interesa"}],
        "analysis": {"transcript_summary": "Le interesa"},
        "conversation_initiation_client_data": {"dynamic_variables": {"customer_name": "Luz Díaz"}},
    }
    return json.dumps({"type": kind, "event_timestamp": 1739537297, "data": known | data}).encode()


def test_the_signature_is_checked_with_its_age() -> None:
    header = signed(b"{}", at=NOW)["ElevenLabs-Signature"]
    assert is_signed(SECRET, header, b"{}", NOW + TOLERANCE_SECONDS)
    assert not is_signed(SECRET, header, b"{}", NOW + TOLERANCE_SECONDS + 1)
    assert is_signed(SECRET, header, b"{}", NOW - AHEAD_SECONDS)  # a clock that runs ahead
    assert not is_signed(SECRET, header, b"{}", NOW - AHEAD_SECONDS - 1)
    assert not is_signed(SECRET, header, b"[]", NOW)
    assert not is_signed("other", header, b"{}", NOW)


@pytest.mark.parametrize(
    "header", [None, "", "t=", "v0=", "t=x,v0=y", "t=" + "9" * 5_000, "t=1739537297,v0=ñ", ",,=,="]
)
def test_no_header_breaks_the_check(header: str | None) -> None:
    assert not is_signed(SECRET, header, b"{}", NOW)
    assert not is_signed(None, header, b"{}", NOW)


async def test_what_is_known_of_a_call_goes_to_its_conversations_owner() -> None:
    fakes = Fakes(rows=FakeRows({"phone_number": NUMBER}))
    async with gateway(fakes, elevenlabs_webhook_secret=SECRET) as client:
        for _ in range(2):
            answer = await client.post(PATH, data=event(), headers=signed(event()))
            assert (answer.status, (await answer.json())["status"]) == (200, "noted")
    assert fakes.rows.asked == [("conv_1",)] * 2
    (topic, key, value, _), (*_, again, _) = fakes.publisher.events
    told = ConversationCommand.from_json(value)
    assert (topic, key, told.command, told.details is not None) == (
        "conversation-command",
        NUMBER,
        NOTE_DETAILS,
        True,
    )
    assert told.details is not None
    assert (told.details.call_id, told.details.summary, told.details.duration_secs) == (
        "conv_1",
        "Le interesa",
        74,
    )
    assert told.details.kept["transcript"] == [["user", "Me interesa"]]
    assert ConversationCommand.from_json(again).command_id == told.command_id, "told twice it is one command"


async def test_a_call_of_nobody_or_of_which_nothing_is_missing_is_left_alone() -> None:
    fakes = Fakes(rows=FakeRows(None))
    async with gateway(fakes, elevenlabs_webhook_secret=SECRET) as client:
        answer = await client.post(PATH, data=event(), headers=signed(event()))
        assert (answer.status, (await answer.json())["status"]) == (200, "ignored")
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
        event(
            conversation_initiation_client_data={
                "conversation_config_override": {"conversation": {"text_only": True}}
            }
        ),
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
    bodies = [
        event(),
        event("call_initiation_failure", failure_reason="busy", metadata=failure),
        event(metadata={}),
    ]
    async with gateway(fakes, **over) as client:
        for body in bodies:
            assert (await client.post(PATH, data=body, headers=signed(body))).status == 200
    calls = [
        (key, json.loads(value))
        for topic, key, value, _ in fakes.publisher.events
        if topic == "call-completed"
    ]
    assert [key for key, _ in calls] == [NUMBER, "+573138539156"]  # a call from the browser has no number
    first, second = (value for _, value in calls)
    assert (first["recipient"]["status"], second["recipient"]["status"]) == ("completed", "busy")
    assert (first["batch_id"], first["call_metadata"]["client_name"]) == ("b1", "Luz Díaz")


def test_other_kinds_are_no_calls() -> None:
    assert call_completed("post_call_audio", {}) is None
