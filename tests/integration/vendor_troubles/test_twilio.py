"""Creates with an unknown outcome, waits that Twilio asks for, lists that cannot be read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.http import at_any_time
from clients.messenger import OutgoingMessage
from clients.twilio.messenger import TwilioMessenger
from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from tests.support.simulators import CLIENT, Simulator
from tests.support.trouble import BODIES

SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def message(**over: Any) -> OutgoingMessage:  # noqa: ANN401 - a message's fields
    return OutgoingMessage(**{"own_id": "own", "to": CLIENT, "body": "¡Hola!"} | over)


@pytest.mark.parametrize("kind", [*BODIES, "500", "503", "504", "408"])
async def test_an_accepted_create_whose_answer_goes_wrong_is_unknown(
    twilio: Simulator, sender: TwilioMessenger, kind: str
) -> None:
    twilio.fault(f"accept-{kind}", seconds=5)
    with pytest.raises(UnknownOutcome):
        await sender.send(message(), at_any_time)
    (row,) = twilio.read()
    found = await sender.find_sent(CLIENT, "¡Hola!", SINCE, set())
    assert [one.sid for one in found] == [row["sid"]]


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (2, 2, 2),
        ("0.5", 0.5, 0.5),
        (None, None, None),
        ("soon", None, None),
        ("nan", None, None),
        ("-1", None, None),
    ],
)
async def test_429_says_how_long(
    twilio: Simulator, sender: TwilioMessenger, value: object, least: float | None, most: float | None
) -> None:
    twilio.fault("429", retry_after=value)
    with pytest.raises(RetryableError) as caught:
        await sender.send(message(), at_any_time)
    assert (caught.value.retry_after, caught.value.code) == (least, 20429)
    assert least == most
    assert twilio.read() == []


async def test_429_says_until_when(twilio: Simulator, sender: TwilioMessenger) -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)
    twilio.fault("429", retry_after=later.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    with pytest.raises(RetryableError) as caught:
        await sender.send(message(), at_any_time)
    assert caught.value.retry_after
    assert 30 < caught.value.retry_after <= 60


@pytest.mark.parametrize("kind", [*BODIES, "429", "500", "503", "401"])
async def test_a_list_that_cannot_be_read_is_no_proof(
    twilio: Simulator, sender: TwilioMessenger, kind: str
) -> None:
    await sender.send(message(), at_any_time)
    twilio.fault(
        f"list-{kind}", seconds=5, count=-1
    )  # GET is repeated by aiohttp itself on a connection that was kept
    with pytest.raises(RetryableError):
        await sender.find_sent(CLIENT, "¡Hola!", SINCE, set())
    twilio.steer("faults", {})
    assert len(await sender.find_sent(CLIENT, "¡Hola!", SINCE, set())) == 1


async def test_a_template_without_variables(twilio: Simulator, sender: TwilioMessenger) -> None:
    hx = "HX" + "d" * 32
    twilio.steer("templates", {"sid": hx, "body": "Hola, ¿seguimos?"})
    accepted = await sender.send(message(body=None, template_id=hx, template_variables={}), at_any_time)
    assert accepted.body == "Hola, ¿seguimos?"
    with pytest.raises(TerminalError) as caught:
        await sender.send(message(body=None, template_id="HX" + "e" * 32), at_any_time)
    assert caught.value.code == 21655


async def test_a_callback_that_twilio_refuses_costs_the_reports_and_not_the_message(
    twilio: Simulator, sender: TwilioMessenger
) -> None:
    refusal = {"number": CLIENT.removeprefix("whatsapp:"), "error_code": 21609}
    twilio.steer("numbers", refusal | {"count": 1})
    assert (await sender.send(message(), at_any_time)).sid
    (row,) = twilio.read()
    assert row["own_id"] is None, "no StatusCallback was given"
    twilio.steer("numbers", refusal | {"count": 2})
    with pytest.raises(TerminalError) as caught:
        await sender.send(message(), at_any_time)
    assert caught.value.code == 21609
    assert [each["sid"] for each in twilio.read()] == [row["sid"]]
