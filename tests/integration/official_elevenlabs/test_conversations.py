"""Text conversations: how they begin, what a signed URL is good for, and why they are closed."""

from typing import Any

import pytest
from elevenlabs.client import ElevenLabs

from tests.support.elevenlabs_sdk import AGENT, Talk
from tests.support.simulators import KEY, Simulator


@pytest.mark.parametrize("private", [False, True])
def test_a_text_conversation(client: ElevenLabs, elevenlabs: Simulator, private: bool) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "private": private, "first_message": "¡Hola! Soy Ana."})
    with Talk(client, private=private, dynamic_variables={"plan": "oro"}) as talk:
        assert talk.next() == "¡Hola! Soy Ana."
        talk.tell("Resumen de la llamada: Le interesa el plan oro")
        talk.say("¿Qué hablamos en la llamada?")
        assert talk.kinds(5) == ["start", "delta", "delta", "response", "stop"]
        talk.say("¿Cuál es mi plan?")
        assert talk.next() == "Tu plan es oro."
    rows = elevenlabs.read()
    assert rows[0]["reply"] == "Como te comenté en la llamada: Le interesa el plan oro"
    assert {row["who"] for row in rows} == {"+573138539155"}
    held = client.conversational_ai.conversations.list(text_only=True).conversations[0]
    details = client.conversational_ai.conversations.get(held.conversation_id)
    assert (details.metadata.text_only, len([turn for turn in details.transcript if turn.message])) == (
        True,
        5,
    )


def test_a_private_agent_needs_a_signed_url(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "private": True})
    with Talk(client) as talk:
        assert talk.disconnected().close_code == 1008


def test_a_signed_url_with_its_conversations_id_is_good_once(client: ElevenLabs) -> None:
    signed = client.conversational_ai.conversations.get_signed_url(
        agent_id=AGENT, include_conversation_id=True
    )

    class Signed(ElevenLabs):
        """Gives the same URL again and again."""

    base_url, http = client._client_wrapper.get_base_url(), client._client_wrapper.httpx_client.httpx_client
    talker = Signed(api_key=KEY, base_url=base_url, httpx_client=http)
    talker.conversational_ai.conversations.get_signed_url = lambda **_: signed  # type: ignore[method-assign]
    with Talk(talker, private=True) as talk:
        talk.say("hola")
        conversation_id = talk._conversation._conversation_id
    assert conversation_id
    assert conversation_id in signed.signed_url
    with Talk(talker, private=True) as talk:
        assert talk.disconnected().close_code == 1008


REFUSED: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({"allowed": []}, {}, 1008, "Override for field 'text_only' is not allowed by config."),
    ({"required": ["nombre"]}, {}, 1008, "Missing required dynamic variables: ['nombre']"),
    ({"max_duration_seconds": 0.05}, {}, 1000, "Max duration reached"),
    ({}, {"idle_seconds": 0.05}, 1002, "No user input received"),
    ({}, {"max_concurrency": 1, "queue_seconds": 0}, 3008, "Too many concurrent connections"),
]


@pytest.mark.parametrize(("agent", "settings", "code", "reason"), REFUSED)
def test_closes(
    client: ElevenLabs,
    elevenlabs: Simulator,
    agent: dict[str, Any],
    settings: dict[str, Any],
    code: int,
    reason: str,
) -> None:
    with Talk(client, "agent_other") as first:
        first.begun()
        elevenlabs.steer("agents", {"agent_id": AGENT, **agent})
        elevenlabs.steer("settings", settings)
        with Talk(client) as talk:
            ended = talk.disconnected()
    assert (ended.close_code, ended.close_reason) == (code, reason)


def test_a_silent_agent(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("settings", {"llm_seconds": 0.05})
    elevenlabs.fault("silent")
    with Talk(client) as talk:
        talk.say("hola")
        assert talk.disconnected().close_code == 1002
