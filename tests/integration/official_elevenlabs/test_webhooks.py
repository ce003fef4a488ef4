"""Post-call webhooks, which the package verifies."""

from collections.abc import Iterator

import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.errors import BadRequestError

from tests.support.elevenlabs_sdk import Talk
from tests.support.simulators import Simulator
from tests.support.webhook_receiver import Receiver, webhook_receiver

SECRET = "wsec_of_the_tests"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as receiver:
        yield receiver


def test_post_call_webhook(client: ElevenLabs, elevenlabs: Simulator, receiver: Receiver) -> None:
    elevenlabs.steer("calls", {"conversation_id": "conv_1", "summary": "Quiere más información: ñandú"})
    wanted = {"url": receiver.url + "/post-call", "secret": SECRET, "conversation_id": "conv_1"}
    assert elevenlabs.steer("post-call", wanted) == {"status": 200}
    call = receiver.take()
    event = client.webhooks.construct_event(call.body, call.headers["ElevenLabs-Signature"], SECRET)
    assert (event["type"], event["data"]["analysis"]["transcript_summary"]) == (
        "post_call_transcription",
        "Quiere más información: ñandú",
    )
    with pytest.raises(BadRequestError):
        client.webhooks.construct_event(call.body + " ", call.headers["ElevenLabs-Signature"], SECRET)
    elevenlabs.steer("post-call", wanted | {"age_seconds": 31 * 60})
    call = receiver.take()
    with pytest.raises(BadRequestError, match="Timestamp"):
        client.webhooks.construct_event(call.body, call.headers["ElevenLabs-Signature"], SECRET)
    elevenlabs.steer("post-call", wanted | {"type": "call_initiation_failure", "failure_reason": "busy"})
    call = receiver.take()
    event = client.webhooks.construct_event(call.body, call.headers["ElevenLabs-Signature"], SECRET)
    assert event["data"]["failure_reason"] == "busy"


def test_text_conversations_have_their_webhook_too(
    client: ElevenLabs, elevenlabs: Simulator, receiver: Receiver
) -> None:
    elevenlabs.steer("settings", {"webhook_url": receiver.url + "/post-call", "webhook_secret": SECRET})
    with Talk(client) as talk:
        talk.say("hola")
        talk.next()
    call = receiver.take()
    event = client.webhooks.construct_event(call.body, call.headers["ElevenLabs-Signature"], SECRET)
    assert event["data"]["metadata"]["text_only"] is True
