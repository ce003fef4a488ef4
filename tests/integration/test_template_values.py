"""A template's variables, whatever is known of the client: the simulated Twilio refuses empty ones."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.http import at_any_time, open_session
from clients.messenger import OutgoingMessage
from clients.twilio.api import TIMEOUT
from clients.twilio.messenger import TwilioMessenger
from local.server import start
from local.vendors.twilio.routes import application
from local.vendors.twilio.simulator import TwilioSimulator
from local.vendors.twilio.templates import Template
from rules.wording import Client, Wording
from schemas.errors import TerminalError
from schemas.settings import Settings, load_settings

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "token", "whatsapp:+15550000000"
TO, SID = "whatsapp:+573138539155", "HX" + "1" * 32
VARIABLES = (
    '{"1": "{client_name}", "2": "{agent_name}", "3": "{summary}", "4": "{group_name}", "5": "{text}"}'
)


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[TwilioMessenger, Settings]]:
    simulator = TwilioSimulator(ACCOUNT, TOKEN, "http://127.0.0.1:9/", SENDER)
    simulator.templates.register(Template(sid=SID, body="Hola {{1}}, soy {{2}}. {{3}} {{4}} {{5}}"))
    running = await start(application(simulator), 0)
    settings = load_settings(
        {},
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_api_base_url=running.url,
        twilio_whatsapp_from=SENDER,
        twilio_first_message_content_sid=SID,
        twilio_first_message_content_variables=VARIABLES,
    )
    async with open_session(TIMEOUT, 10) as session:
        yield TwilioMessenger(settings, session), settings
    await running.stop()


def message(variables: dict[str, str]) -> OutgoingMessage:
    return OutgoingMessage(own_id="1", to=TO, template_id=SID, template_variables=variables)


def called(**over: Any) -> dict[str, Any]:  # noqa: ANN401 - a call's body
    recipient = {"phone_number": "+573138539155", "conversation_id": "c", "status": "completed"}
    return {"agent_id": "a", "recipient": recipient, **over}


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (
            Client(name="Ana", call=called(agent_name="Luz"), summary="Le interesa."),
            "Sobre lo que hablamos: Le interesa.",
        ),
        (Client(name="Ana", call=called(), summary=None), "Hola Cliente, soy tu asesor. - N/A"),
        (
            Client(
                name="Ana", call=called(agent_name=" ", call_metadata={"client_name": " "}), summary=" \n "
            ),
            "Hola Cliente, soy",
        ),
        (Client(name="Cliente", call=None, summary=""), "soy tu asesor. - - "),
    ],
)
async def test_no_value_is_ever_empty(
    twilio: tuple[TwilioMessenger, Settings], client: Client, shown: str
) -> None:
    sender, settings = twilio
    wording = Wording(settings)
    contents = [wording.reopening(client, "   "), wording.again(client, "call", "")]
    if client.call is not None:
        contents.append(wording.first(client, window_is_open=False))
    for content in (getattr(each, "content", each) for each in contents):
        assert content is not None
        accepted = await sender.send(message(content["content_variables"]), at_any_time)
        assert shown in accepted.body


@pytest.mark.parametrize("variables", [{"1": ""}, {"1": "Ana", "2": ""}])
async def test_twilio_refuses_empty_ones(
    twilio: tuple[TwilioMessenger, Settings], variables: dict[str, str]
) -> None:
    with pytest.raises(TerminalError) as refused:
        await twilio[0].send(message(variables), at_any_time)
    assert refused.value.code == 21656
