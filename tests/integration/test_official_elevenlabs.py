"""The official `elevenlabs` package, unmodified apart from the base URL, against the simulated ElevenLabs as a process."""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.conversational_ai.conversation import (
    ClientTools,
    Conversation,
    ConversationInitiationData,
    DisconnectionDetails,
)
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import BadRequestError, UnprocessableEntityError

from tests.support.simulators import KEY, Simulator, elevenlabs_simulator
from tests.support.webhook_receiver import Receiver, webhook_receiver

AGENT = "agent_1"
SECRET = "wsec_of_the_tests"
_PATIENCE_SECONDS = 20.0
_NO_RETRIES: Any = {"max_retries": 0}
TEXT_ONLY = {"conversation": {"text_only": True}}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with elevenlabs_simulator() as simulator:
        yield simulator


@pytest.fixture
def elevenlabs(running: Simulator) -> Simulator:
    running.steer("reset", {})
    return running


@pytest.fixture
def client(elevenlabs: Simulator) -> Iterator[ElevenLabs]:
    with httpx.Client() as http:  # the SDK does not close its own
        yield ElevenLabs(api_key=KEY, base_url=elevenlabs.url, httpx_client=http)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as receiver:
        yield receiver


class Talk:
    """A text conversation by the SDK. What arrives is kept in `heard`, in its order."""

    def __init__(self, client: ElevenLabs, agent_id: str = AGENT, *, private: bool = False, **config: object) -> None:
        self.heard: queue.Queue[tuple[str, str]] = queue.Queue()
        self.ended: queue.Queue[DisconnectionDetails] = queue.Queue()
        self.tools = ClientTools()
        overrides: Any = {"conversation_config_override": TEXT_ONLY} | config
        self._conversation = Conversation(
            client,
            agent_id,
            requires_auth=private,
            config=ConversationInitiationData(**overrides),
            client_tools=self.tools,
            user_id="+573138539155",
            callback_agent_response=lambda text: self.heard.put(("response", text)),
            callback_agent_response_correction=lambda old, new: self.heard.put(("correction", new)),
            callback_agent_chat_response_part=lambda text, kind: self.heard.put((kind.value, text)),
            callback_disconnect=self.ended.put,
        )

    def __enter__(self) -> "Talk":
        self._conversation.start_session()
        return self

    def __exit__(self, *_: object) -> None:
        self._conversation.end_session()
        self._conversation.wait_for_session_end()

    def begun(self) -> "Talk":
        """Wait until the server has told the conversation's id: the SDK has no event for it."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._conversation._conversation_id is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        return self

    def say(self, text: str) -> None:
        self.begun()._conversation.send_user_message(text)

    def tell(self, text: str) -> None:
        self.begun()._conversation.send_contextual_update(text)

    def next(self, kind: str = "response") -> str:
        """Wait for the next event of a kind; others before it are left out."""
        while True:
            found, text = self.heard.get(timeout=_PATIENCE_SECONDS)
            if found == kind:
                return text

    def kinds(self, count: int) -> list[str]:
        return [self.heard.get(timeout=_PATIENCE_SECONDS)[0] for _ in range(count)]

    def disconnected(self) -> DisconnectionDetails:
        return self.ended.get(timeout=_PATIENCE_SECONDS)


def test_a_calls_life(client: ElevenLabs, elevenlabs: Simulator) -> None:
    conversations = client.conversational_ai.conversations
    elevenlabs.steer("calls", {
        "conversation_id": "conv_1", "agent_id": AGENT, "summary": "Quiere el plan oro", "duration": 31,
        "dynamic_variables": {"plan": "oro"}, "batch_id": "btcal_1", "recipient_id": "rcpt_1", "live_seconds": 3600,
    })  # fmt: skip
    live = conversations.get("conv_1")
    assert (live.status, live.analysis, live.transcript) == ("in-progress", None, [])
    elevenlabs.steer("calls", {"conversation_id": "conv_1", "processing_seconds": 3600})
    processing = conversations.get("conv_1")
    assert (processing.status, processing.analysis) == ("processing", None)
    assert [turn.role for turn in processing.transcript if turn.message] == ["agent", "user"]
    elevenlabs.steer("calls", {
        "conversation_id": "conv_1", "agent_id": AGENT, "summary": "Quiere el plan oro", "duration": 31,
        "dynamic_variables": {"plan": "oro"}, "batch_id": "btcal_1", "recipient_id": "rcpt_1",
    })  # fmt: skip
    done = conversations.get("conv_1")
    assert done.status == "done"
    assert done.analysis
    assert (done.analysis.transcript_summary, done.metadata.call_duration_secs) == ("Quiere el plan oro", 31)
    assert done.conversation_initiation_client_data
    assert (done.conversation_initiation_client_data.dynamic_variables or {})["plan"] == "oro"
    assert done.metadata.phone_call
    assert done.metadata.phone_call.external_number == "+573138539155"
    assert done.metadata.batch_call
    assert done.metadata.batch_call.batch_call_recipient_id == "rcpt_1"
    summary = conversations.get_summary("conv_1", max_messages=10)
    assert (summary.transcript_summary, summary.message_count, summary.messages_omitted) == ("Quiere el plan oro", 2, False)
    assert conversations.get_summary("conv_1", max_messages=1).messages is None


def test_a_call_without_summary_or_transcript(client: ElevenLabs, elevenlabs: Simulator) -> None:
    call = {"conversation_id": "c", "summary": None, "transcript": [], "status": "failed", "call_result": "no_answer"}
    elevenlabs.steer("calls", call)
    found = client.conversational_ai.conversations.get("c")
    assert (found.status, found.analysis, found.transcript) == ("failed", None, [])


def test_list_pages(client: ElevenLabs, elevenlabs: Simulator) -> None:
    for n in range(5):
        elevenlabs.steer("calls", {"conversation_id": f"conv_{n}", "agent_id": "agent_2", "began": 1761694000 + n})
    elevenlabs.steer("calls", {"conversation_id": "other", "agent_id": "agent_3"})
    conversations, ids, cursor = client.conversational_ai.conversations, [], None
    while True:
        page = conversations.list(agent_id="agent_2", page_size=2, cursor=cursor)
        ids += [one.conversation_id for one in page.conversations]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert ids == ["conv_4", "conv_3", "conv_2", "conv_1", "conv_0"]
    assert len(conversations.list(agent_id="agent_2", call_start_after_unix=1761694003).conversations) == 2
    with pytest.raises(UnprocessableEntityError) as caught:
        conversations.list(page_size=1000)
    assert caught.value.body["detail"][0]["loc"] == ["query", "page_size"]


def test_agents_and_batches(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "name": "Ana", "private": True, "allowed": ["agent.first_message"]})
    agent = client.conversational_ai.agents.get(AGENT)
    settings = agent.platform_settings
    assert settings
    assert settings.auth
    assert settings.overrides
    allowed = settings.overrides.conversation_config_override
    assert allowed
    assert allowed.conversation
    assert allowed.agent
    assert (agent.name, settings.auth.enable_auth) == ("Ana", True)
    assert (allowed.conversation.text_only, allowed.agent.first_message) == (False, True)
    assert agent.conversation_config.conversation
    assert "agent_response" in (agent.conversation_config.conversation.client_events or [])
    assert [one.agent_id for one in client.conversational_ai.agents.list().agents] == [AGENT]
    elevenlabs.steer("calls", {"conversation_id": "c1", "batch_id": "btcal_1", "recipient_id": "rcpt_1"})
    batch = client.conversational_ai.batch_calls.get("btcal_1")
    assert (batch.status, [(one.id, one.status, one.conversation_id) for one in batch.recipients]) == (
        "completed",
        [("rcpt_1", "completed", "c1")],
    )
    elevenlabs.steer("calls", {"conversation_id": "c2", "batch_id": "btcal_2"})
    page = client.conversational_ai.batch_calls.list(limit=1)
    assert ([one.id for one in page.batch_calls], page.has_more, page.next_doc) == (["btcal_2"], True, "btcal_2")
    page = client.conversational_ai.batch_calls.list(limit=1, last_doc=page.next_doc)
    assert ([one.id for one in page.batch_calls], page.has_more) == (["btcal_1"], False)


def test_errors(client: ElevenLabs, elevenlabs: Simulator) -> None:
    conversations = client.conversational_ai.conversations

    def status(call: Callable[..., object], *arguments: object, **options: object) -> tuple[int | None, Any]:
        with pytest.raises(ApiError) as caught:
            call(*arguments, **options)
        return caught.value.status_code, caught.value.body["detail"]

    elevenlabs.steer("settings", {"strict": True})
    assert status(conversations.get, "conv_0")[0] == 404
    assert status(client.conversational_ai.batch_calls.get, "btcal_0")[0] == 404
    assert status(client.conversational_ai.agents.get, "agent_0")[1]["status"] == "agent_not_found"
    assert status(conversations.get_signed_url, agent_id="agent_0")[0] == 404
    assert status(conversations.get_signed_url, agent_id="")[0] == 422
    with httpx.Client() as http:
        stranger = ElevenLabs(api_key="wrong", base_url=elevenlabs.url, httpx_client=http)
        refused = status(stranger.conversational_ai.conversations.get, "c")
    assert refused == (401, {"status": "invalid_api_key", "message": "Invalid API key"})
    elevenlabs.fault("conversation-429", retry_after=0)
    refused = status(conversations.get, "c", request_options=_NO_RETRIES)
    assert (refused[0], refused[1]["status"]) == (429, "too_many_concurrent_requests")


def test_the_sdk_repeats_429(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.fault("conversation-429", retry_after=0, count=1)
    assert client.conversational_ai.conversations.get("conv_any").status == "done"


async def test_the_async_client(elevenlabs: Simulator) -> None:
    async with httpx.AsyncClient() as http:
        client = AsyncElevenLabs(api_key=KEY, base_url=elevenlabs.url, httpx_client=http)
        assert (await client.conversational_ai.conversations.get("conv_any")).status == "done"


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
    assert (details.metadata.text_only, len([turn for turn in details.transcript if turn.message])) == (True, 5)


def test_a_private_agent_needs_a_signed_url(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "private": True})
    with Talk(client) as talk:
        assert talk.disconnected().close_code == 1008


def test_a_signed_url_with_its_conversations_id_is_good_once(client: ElevenLabs) -> None:
    signed = client.conversational_ai.conversations.get_signed_url(agent_id=AGENT, include_conversation_id=True)

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


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [
        ("stop-first", ["start", "delta", "delta", "stop", "response"]),
        ("whole", ["response"]),
        ("two", ["response", "response"]),
        ("only-parts", ["start", "delta", "delta", "stop"]),
        ("corrected", ["response", "correction"]),
    ],
)
def test_shapes_of_a_turn(client: ElevenLabs, elevenlabs: Simulator, shape: str, kinds: list[str]) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"turn": shape})
    with Talk(client) as talk:
        talk.say("¿Cuánto cuesta?")
        assert talk.kinds(len(kinds)) == kinds


@pytest.mark.parametrize("registered", [True, False])
def test_client_tools(client: ElevenLabs, elevenlabs: Simulator, registered: bool) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"asesor": "transfer_to_human"}})
    called: queue.Queue[Any] = queue.Queue()
    with Talk(client) as talk:
        if registered:
            talk.tools.register("transfer_to_human", lambda parameters: called.put(parameters) or "hecho")
        talk.say("Quiero un asesor")
        assert talk.next() == "Un momento, lo reviso."
        assert talk.next() == "¿Me puedes contar un poco más de lo que buscas?"  # only after the tool's result
    assert called.qsize() == registered


def test_a_system_tool_gives_two_responses(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"cuesta": "look_up"}, "system_tools": ["look_up"]})
    with Talk(client) as talk:
        talk.say("¿Cuánto cuesta?")
        assert [talk.next(), talk.next()] == ["Un momento, lo reviso.", "El plan Premium cuesta $99 al mes."]


def test_the_agent_ends_the_call(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"adiós": "end_call"}})
    with Talk(client) as talk:
        talk.say("adiós")
        assert talk.next().startswith("¡Hasta pronto!")
        ended = talk.disconnected()
    assert (ended.reason, ended.close_code) == ("agent", 1000)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({"allowed": []}, {}, 1008, "Override for field 'text_only' is not allowed by config."),
    ({"required": ["nombre"]}, {}, 1008, "Missing required dynamic variables: ['nombre']"),
    ({"max_duration_seconds": 0.05}, {}, 1000, "Max duration reached"),
    ({}, {"idle_seconds": 0.05}, 1002, "No user input received"),
    ({}, {"max_concurrency": 1, "queue_seconds": 0}, 3008, "Too many concurrent connections"),
]


@pytest.mark.parametrize(("agent", "settings", "code", "reason"), REFUSED)
def test_closes(
    client: ElevenLabs, elevenlabs: Simulator, agent: dict[str, Any], settings: dict[str, Any], code: int, reason: str
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


def test_text_conversations_have_their_webhook_too(client: ElevenLabs, elevenlabs: Simulator, receiver: Receiver) -> None:
    elevenlabs.steer("settings", {"webhook_url": receiver.url + "/post-call", "webhook_secret": SECRET})
    with Talk(client) as talk:
        talk.say("hola")
        talk.next()
    call = receiver.take()
    event = client.webhooks.construct_event(call.body, call.headers["ElevenLabs-Signature"], SECRET)
    assert event["data"]["metadata"]["text_only"] is True
