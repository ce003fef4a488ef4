"""`doctor` on templates: does Twilio know them, do their variables fit, are they approved for WhatsApp?"""

import asyncio

import aiohttp
import structlog

from cli.findings import Finding
from clients.http import open_session
from clients.twilio.api import TwilioApi
from clients.twilio.content import TwilioContent
from rules.templates import Template, Templates
from schemas.errors import ConfigurationError, VendorError
from schemas.settings import Settings

log = structlog.get_logger()

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CONNECTIONS = 5
_APPROVED = "approved"


async def templates(settings: Settings) -> list[Finding]:
    """Look at each configured template; nothing is asked where none is, or where the settings are malformed."""
    try:
        configured = Templates.of(settings)
    except ConfigurationError:
        return []  # said already
    named = {
        "TWILIO_FIRST_MESSAGE_CONTENT_SID": configured.first,
        "TWILIO_NO_ANSWER_CONTENT_SID": configured.no_answer if settings.twilio_no_answer_content_sid else None,
        "TWILIO_REOPEN_CONTENT_SID": configured.reopen if settings.twilio_reopen_content_sid else None,
    }
    if configured.first is None:
        advice = "outside the sandbox set TWILIO_FIRST_MESSAGE_CONTENT_SID: a call does not open the 24-hour window"
        return [Finding("templates", "none for the first message", advice if _is_real(settings) else "")]
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        content = TwilioContent(TwilioApi(settings, session))
        return [await _look(content, name, template) for name, template in named.items() if template]


def warn_of_templates(settings: Settings) -> None:
    """Say at the start what would otherwise fail with each first message; Twilio away is no reason not to start."""
    for finding in asyncio.run(templates(settings)):
        if finding.advice:
            log.error("template is not usable", template=finding.what, found=finding.found, advice=finding.advice)


def _is_real(settings: Settings) -> bool:
    """The sandbox's own sender needs no template of ours."""
    sandbox: str = Settings.model_fields["twilio_whatsapp_from"].default
    return settings.twilio_whatsapp_from != sandbox


async def _look(content: TwilioContent, name: str, template: Template) -> Finding:
    try:
        found = await content.find(template.content_sid)
    except VendorError as error:
        if error.code is None:
            return Finding(name, f"not reachable: {error.why}", "check the network and TWILIO_API_BASE_URL")
        return Finding(name, f"Twilio answers {error.code}", "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
    if found is None:
        advice = "copy the HX… of an approved template from Twilio's Content Template Builder"
        return Finding(name, "unknown to Twilio", advice)
    if problem := found.mismatch(template.variables):
        return Finding(name, "variables do not fit", f"{name.replace('_SID', '_VARIABLES')}: {problem}")
    advice = "" if found.approval == _APPROVED else "WhatsApp sends approved templates only; see its state at Twilio"
    return Finding(name, found.approval or "not submitted to WhatsApp", advice)
