"""`doctor` against the simulated Twilio in each wrong configuration of templates."""

from collections.abc import AsyncIterator

import pytest

from cli.doctor_checks import templates
from local.server import start
from local.vendors.twilio.routes import application
from local.vendors.twilio.simulator import TwilioSimulator
from local.vendors.twilio.templates import Template
from schemas.settings import Settings, load_settings

ACCOUNT, TOKEN = "AC" + "0" * 32, "token"
SID = "HX" + "1" * 32


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[TwilioSimulator, str]]:
    simulator = TwilioSimulator(ACCOUNT, TOKEN, "http://127.0.0.1:9/", "whatsapp:+15550000000")
    running = await start(application(simulator), 0)
    yield simulator, running.url
    await running.stop()


def configured(url: str, variables: str | None, **over: object) -> Settings:
    given = {"twilio_first_message_content_sid": SID, "twilio_first_message_content_variables": variables}
    account = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_api_base_url": url}
    return load_settings({}, **(given | account | over))


@pytest.mark.parametrize(
    ("body", "status", "variables", "found", "advice"),
    [
        ("Hola {{1}}: {{2}}", "approved", '{"1": "{client_name}", "2": "{summary}"}', "approved", ""),
        ("Hola {{1}}: {{2}}", "approved", '{"1": "x"}', "variables do not fit", "lacks 2"),
        ("Hola {{1}}", "approved", '{"1": "x", "nombre": "y"}', "variables do not fit", "has nombre"),
        ("Hola {{1}}", "approved", None, "variables do not fit", "lacks 1"),
        ("Hola", "paused", None, "paused", "approved templates only"),
        ("Hola", "rejected", None, "rejected", "approved templates only"),
    ],
)
async def test_a_template_is_looked_at(
    twilio: tuple[TwilioSimulator, str],
    body: str,
    status: str,
    variables: str | None,
    found: str,
    advice: str,
) -> None:
    simulator, url = twilio
    simulator.templates.register(Template(sid=SID, body=body, status=status))
    [finding] = await templates(configured(url, variables))
    assert (finding.what, finding.found) == ("TWILIO_FIRST_MESSAGE_CONTENT_SID", found)
    assert advice in finding.advice
    assert bool(finding.advice) == bool(advice)


async def test_an_unknown_template_is_said_by_its_variable(twilio: tuple[TwilioSimulator, str]) -> None:
    simulator, url = twilio
    simulator.templates.register(Template(sid=SID, body="Hola"))
    over = {"twilio_reopen_content_sid": "HX" + "9" * 32, "twilio_no_answer_content_sid": SID}
    findings = await templates(configured(url, None, **over))
    assert [(finding.what, finding.found) for finding in findings] == [
        ("TWILIO_FIRST_MESSAGE_CONTENT_SID", "approved"),
        ("TWILIO_NO_ANSWER_CONTENT_SID", "approved"),
        ("TWILIO_REOPEN_CONTENT_SID", "unknown to Twilio"),
    ]


async def test_wrong_credentials_and_a_network_that_is_away_are_findings(
    twilio: tuple[TwilioSimulator, str],
) -> None:
    _, url = twilio
    [finding] = await templates(configured(url, None, twilio_auth_token="wrong"))
    assert "TWILIO_AUTH_TOKEN" in finding.advice
    [finding] = await templates(configured("http://127.0.0.1:9", None))
    assert finding.found.startswith("not reachable")


async def test_without_a_template_only_a_real_sender_is_warned() -> None:
    bare = {"twilio_first_message_content_sid": None}
    [sandbox] = await templates(configured("http://127.0.0.1:9", None, **bare))
    [real] = await templates(
        configured("http://127.0.0.1:9", None, twilio_whatsapp_from="whatsapp:+15550000000", **bare)
    )
    assert (sandbox.advice, "24-hour window" in real.advice) == ("", True)
