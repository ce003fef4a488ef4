"""`doctor` on templates: does Twilio know them, do their variables fit, are they approved for WhatsApp?

Content API: `GET /v1/Content/{sid}` (its `variables` are those that a create must fill: 63028 otherwise), and
`…/ApprovalRequests` (`whatsapp.status`).
"""

import asyncio
from typing import Any

import httpx
import structlog

from cli.findings import Finding
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from streams.conversation.templates import Template, Templates
from streams.vendors.twilio_typing import product_host

log = structlog.get_logger()

_SECONDS = 5.0
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
    auth = (settings.twilio_account_sid or "", settings.twilio_auth_token or "")
    host = product_host(settings.twilio_api_base_url, "content")
    async with httpx.AsyncClient(timeout=_SECONDS, base_url=host, auth=auth) as client:
        return [await _look(client, name, template) for name, template in named.items() if template]


def warn_of_templates(settings: Settings) -> None:
    """Say at the start what would otherwise fail with each first message; Twilio away is no reason not to start."""
    for finding in asyncio.run(templates(settings)):
        if finding.advice:
            log.error("template is not usable", template=finding.what, found=finding.found, advice=finding.advice)


def _is_real(settings: Settings) -> bool:
    """The sandbox's own sender needs no template of ours."""
    sandbox: str = Settings.model_fields["twilio_whatsapp_from"].default
    return settings.twilio_whatsapp_from != sandbox


async def _look(client: httpx.AsyncClient, name: str, template: Template) -> Finding:
    try:
        content = await client.get(f"/v1/Content/{template.content_sid}")
        approval = await client.get(f"/v1/Content/{template.content_sid}/ApprovalRequests")
    except httpx.HTTPError as error:
        return Finding(name, f"not reachable: {type(error).__name__}", "check the network and TWILIO_API_BASE_URL")
    if content.status_code == httpx.codes.NOT_FOUND:
        return Finding(
            name, "unknown to Twilio", "copy the HX… of an approved template from Twilio's Content Template Builder"
        )
    if content.status_code != httpx.codes.OK:
        return Finding(name, f"Twilio answers {content.status_code}", "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")
    if problem := _variables_problem(name, template, content.json()):
        return Finding(name, "variables do not fit", problem)
    status = _status(approval)
    advice = "" if status == _APPROVED else "WhatsApp sends approved templates only; see its state at Twilio"
    return Finding(name, status or "not submitted to WhatsApp", advice)


def _variables_problem(name: str, template: Template, content: dict[str, Any]) -> str:
    wanted, given = set(content.get("variables") or {}), set(template.variables)
    variable = name.replace("_SID", "_VARIABLES")
    if missing := sorted(wanted - given):
        return f"{variable}: lacks {', '.join(missing)}, which the template has"
    if unknown := sorted(given - wanted):
        return f"{variable}: has {', '.join(unknown)}, which the template lacks"
    return ""


def _status(approval: httpx.Response) -> str:
    if approval.status_code != httpx.codes.OK:
        return ""
    whatsapp = approval.json().get("whatsapp")
    return str(whatsapp.get("status", "")) if isinstance(whatsapp, dict) else ""
