"""Our clients against the simulated vendors, which run as separate processes."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from clients.agent import CallContext, Question
from clients.http import at_any_time
from clients.messenger import OutgoingMessage
from clients.vendors import Vendors, build_vendors
from rules.message_text import to_whatsapp
from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.settings import Settings, load_settings

ACCOUNT, SENDER, CLIENT = "AC" + "1" * 32, "whatsapp:+14155238886", "whatsapp:+573138539155"
TOKEN, KEY = secrets.token_hex(16), secrets.token_hex(16)
_START_SECONDS = 30.0
# Whole seconds of `date_created` are cut off, not rounded.
_ROUNDING = timedelta(seconds=1)


@dataclass(frozen=True)
class World:
    """Both simulators and our clients of them."""

    twilio: str
    elevenlabs: str
    settings: Settings
    vendors: Vendors

    async def steer(self, vendor: str, what: str, wanted: dict[str, Any]) -> None:
        url = f"{self.twilio if vendor == 'twilio' else self.elevenlabs}/_sim/{what}"
        async with aiohttp.ClientSession() as session, session.post(url, json=wanted) as response:
            assert response.status == 200, await response.text()

    async def ledger(self, vendor: str) -> list[dict[str, Any]]:
        url = f"{self.twilio if vendor == 'twilio' else self.elevenlabs}/_sim/ledger"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            rows: list[dict[str, Any]] = await response.json()
            return rows


@asynccontextmanager
async def simulator(arguments: list[str], env: Mapping[str, str]) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        async with asyncio.timeout(_START_SECONDS):
            yield json.loads(await process.stdout.readline())["url"]
    finally:
        process.terminate()
        await process.communicate()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    twilio_env = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_WHATSAPP_FROM": SENDER}
    async with (
        # Nobody listens for webhooks here: the messages themselves are looked at.
        simulator(
            ["local.vendors.twilio", "http://127.0.0.1:9/webhook/twilio/incoming"], twilio_env
        ) as twilio,
        simulator(["local.vendors.elevenlabs"], {"ELEVENLABS_API_KEY": KEY}) as elevenlabs,
    ):
        settings = load_settings(
            {},
            twilio_api_base_url=twilio,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN,
            elevenlabs_api_base_url=elevenlabs,
            elevenlabs_api_key=KEY,
        )
        vendors = build_vendors(settings, to_whatsapp)
        yield World(twilio, elevenlabs, settings, vendors)
        await vendors.close()


def message(body: str = "¡Hola Ana!") -> OutgoingMessage:
    return OutgoingMessage(own_id=secrets.token_hex(8), to=CLIENT, body=body)


def question(text: str = "¿Cuánto cuesta?", conversation_id: str = "conv_1") -> Question:
    context = CallContext(client_name="Ana", summary="Le interesa el plan oro")
    return Question(
        conversation_id=conversation_id, agent_id="agent_1", text=text, user_id=CLIENT, context=context
    )


async def test_what_is_sent_is_listed(world: World) -> None:
    since = datetime.now(UTC) - _ROUNDING
    sent = message()
    accepted = await world.vendors.messenger.send(sent, at_any_time)
    listing = await world.vendors.messenger.sent_since(since)
    assert [each.sid for each in listing.messages] == [accepted.sid]
    assert listing.as_of is not None
    assert accepted.body == sent.body
    rows = await world.ledger("twilio")
    assert [(row["sid"], row["own_id"]) for row in rows] == [(accepted.sid, sent.own_id)]


@pytest.mark.parametrize("fault", ["accept-500", "accept-reset"])
async def test_lost_answer_is_unknown_and_found(world: World, fault: str) -> None:
    since = datetime.now(UTC) - _ROUNDING
    earlier = await world.vendors.messenger.send(message(), at_any_time)
    await world.steer("twilio", "faults", {fault: {"count": 1}})
    with pytest.raises(UnknownOutcome):
        await world.vendors.messenger.send(message(), at_any_time)
    found = await world.vendors.messenger.find_sent(CLIENT, "¡Hola Ana!", since, {earlier.sid})
    assert [one.sid for one in found] == [row["sid"] for row in await world.ledger("twilio")][1:]
    assert len(found) == 1


async def test_refused_answer_is_unknown_and_not_found(world: World) -> None:
    await world.steer("twilio", "faults", {"reject-500": {"count": 1}})
    with pytest.raises(UnknownOutcome):
        await world.vendors.messenger.send(message(), at_any_time)
    since = datetime.now(UTC) - timedelta(seconds=10)
    assert not await world.vendors.messenger.find_sent(CLIENT, "¡Hola Ana!", since, set())


async def test_too_many_is_retryable(world: World) -> None:
    await world.steer("twilio", "faults", {"429": {"count": 1}})
    with pytest.raises(RetryableError):
        await world.vendors.messenger.send(message(), at_any_time)
    assert not await world.ledger("twilio")


async def test_opted_out_number_is_terminal(world: World) -> None:
    await world.steer("twilio", "numbers", {"number": CLIENT.removeprefix("whatsapp:"), "error_code": 21610})
    with pytest.raises(TerminalError) as caught:
        await world.vendors.messenger.send(message(), at_any_time)
    assert caught.value.code == 21610
    assert "unsubscribed" in caught.value.why


async def test_wrong_credentials_hold(world: World) -> None:
    settings = world.settings.model_copy(update={"twilio_auth_token": "wrong", "elevenlabs_api_key": "wrong"})
    vendors = build_vendors(settings, to_whatsapp)
    try:
        for refused in (
            vendors.messenger.send(message(), at_any_time),
            vendors.messenger.files("SM1"),
            vendors.agent.ask(question()),
        ):
            with pytest.raises(RetryableError) as caught:
                await refused
            assert caught.value.retry_after
    finally:
        await vendors.close()


async def test_auto_goes_over_to_the_websocket_and_knows_the_call(world: World) -> None:
    reply = await world.vendors.agent.ask(question("¿Qué hablamos en la llamada?"))
    assert reply.transport == "websocket"
    assert "Le interesa el plan oro" in reply.text
    assert reply.elevenlabs_conversation_id


async def test_auto_uses_the_specified_route_where_it_is(world: World) -> None:
    await world.steer("elevenlabs", "settings", {"rest": True})
    reply = await world.vendors.agent.ask(question())
    assert (reply.transport, reply.text) == ("rest", "El plan Premium cuesta $99 al mes.")


async def test_refused_overrides(world: World) -> None:
    await world.steer("elevenlabs", "faults", {"override-refused": {"probability": 1.0}})
    for _ in range(2):
        assert (await world.vendors.agent.ask(question())).text == "El plan Premium cuesta $99 al mes."


@pytest.mark.parametrize("fault", ["429", "500"])
async def test_busy_agent_is_retryable(world: World, fault: str) -> None:
    await world.steer("elevenlabs", "faults", {fault: {"count": 1}})
    with pytest.raises(RetryableError):
        await world.vendors.agent.ask(question())
    assert (await world.vendors.agent.ask(question())).text


async def test_cut_is_tried_once_more(world: World) -> None:
    await world.steer("elevenlabs", "faults", {"cut": {"count": 1}})
    assert (await world.vendors.agent.ask(question())).text == "El plan Premium cuesta $99 al mes."


async def test_no_more_at_once_than_allowed(world: World) -> None:
    await world.steer("elevenlabs", "settings", {"latency_ms": 20})
    vendors = build_vendors(world.settings.model_copy(update={"elevenlabs_max_concurrency": 3}), to_whatsapp)
    try:
        replies = await asyncio.gather(
            *(vendors.agent.ask(question(conversation_id="conv_1")) for _ in range(12))
        )
    finally:
        await vendors.close()
    assert len(replies) == 12
    assert max(row["at_once"] for row in await world.ledger("elevenlabs")) <= 3


async def test_call_details(world: World) -> None:
    call = {
        "conversation_id": "conv_7",
        "summary": "Pidió precios",
        "duration": 31,
        "dynamic_variables": {"plan": "oro"},
    }
    await world.steer("elevenlabs", "calls", call)
    found = await world.vendors.calls.fetch_call("conv_7")
    assert found
    assert (found.summary, found.duration_secs, found.dynamic_variables) == (
        "Pidió precios",
        31,
        {"plan": "oro"},
    )
    assert [role for role, _ in found.transcript] == ["agent", "user"]
