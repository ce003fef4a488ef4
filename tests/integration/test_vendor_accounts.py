"""Troubles of an account, a sender or a workspace, as our clients meet them at the simulated vendors."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from clients.agent import AgentReply, Question
from clients.http import at_any_time
from clients.messenger import OutgoingMessage
from clients.vendors import Vendors, build_vendors
from rules.message_text import to_whatsapp
from schemas.errors import AccountRefused
from schemas.settings import Settings, load_settings
from tests.support.deadline import eventually
from tests.support.simulators import ACCOUNT, KEY, TOKEN, Simulator, elevenlabs_simulator, twilio_simulator

ANOTHER = "whatsapp:+573138539156"
CLIENT = "whatsapp:+573138539155"


@pytest.fixture(scope="module")
def twilio() -> Iterator[Simulator]:
    with twilio_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def elevenlabs() -> Iterator[Simulator]:
    with elevenlabs_simulator() as simulator:
        yield simulator


@pytest.fixture
async def vendors(twilio: Simulator, elevenlabs: Simulator) -> AsyncIterator[Vendors]:
    twilio.steer("settings", {"account_code": None, "tier_limit": 0})
    twilio.steer("reset", {})
    elevenlabs.steer("reset", {})
    built = build_vendors(settings(twilio, elevenlabs), to_whatsapp)
    yield built
    await built.close()


def settings(twilio: Simulator, elevenlabs: Simulator) -> Settings:
    return load_settings(
        {},
        twilio_api_base_url=twilio.url,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        elevenlabs_api_base_url=elevenlabs.url,
        elevenlabs_api_key=KEY,
        elevenlabs_transport="websocket",
    )


async def send(vendors: Vendors, to: str = CLIENT) -> None:
    await vendors.messenger.send(
        OutgoingMessage(own_id=secrets.token_hex(8), to=to, body="hola"), at_any_time
    )


async def codes_become(twilio: Simulator, wanted: list[int | None]) -> None:
    async def are() -> bool:
        return [row["error_code"] for row in twilio.read()] == wanted

    await eventually(are)


async def ask(vendors: Vendors) -> AgentReply:
    return await vendors.agent.ask(
        Question(conversation_id="", agent_id="a", text="¿precio?", user_id="+573138539155")
    )


@pytest.mark.parametrize("code", [20003, 20005, 63007, 21606])
async def test_a_refused_account_is_told_from_a_refused_message(
    vendors: Vendors, twilio: Simulator, code: int
) -> None:
    twilio.steer("settings", {"account_code": code})
    with pytest.raises(AccountRefused) as caught:
        await send(vendors)
    assert caught.value.code == code
    assert twilio.read() == []


@pytest.mark.parametrize("code", [30002, 63051, 63112, 63101])
async def test_a_locked_account_takes_messages_and_they_fail(
    vendors: Vendors, twilio: Simulator, code: int
) -> None:
    twilio.steer("settings", {"account_code": code})
    await send(vendors)
    await codes_become(twilio, [code])


async def test_a_tier_bounds_people_and_not_messages(vendors: Vendors, twilio: Simulator) -> None:
    twilio.steer("settings", {"tier_limit": 1})
    for to in (CLIENT, CLIENT, ANOTHER):
        await send(vendors, to)
    await codes_become(twilio, [None, None, 63018])


@pytest.mark.parametrize("how", ["event", "within", "refused"])
async def test_an_empty_account_is_never_half_an_answer(
    vendors: Vendors, elevenlabs: Simulator, how: str
) -> None:
    elevenlabs.steer("settings", {"credits": 1, "out_of_credits": how})
    assert (await ask(vendors)).text
    with pytest.raises(AccountRefused) as caught:
        await ask(vendors)
    assert caught.value.code == "quota_exceeded"
    elevenlabs.steer("settings", {"credits": -1})
    assert (await ask(vendors)).text
