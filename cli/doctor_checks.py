"""`doctor` on what loses data silently, and on templates.

Loss: Kafka's copies and retention, Postgres' commits, offsets that are gone. Templates: does Twilio know
them, do their variables fit, are they approved for WhatsApp?
"""

import asyncio
from dataclasses import dataclass

import aiohttp
import structlog
from aiokafka.errors import KafkaError

from clients.http import open_session
from clients.kafka.topic_configs import differences
from clients.twilio.api import TwilioApi
from clients.twilio.content import TwilioContent
from db.pool import CONNECT_ERRORS, connect
from rules.templates import Template, Templates
from schemas.errors import ConfigurationError, VendorError
from schemas.models import TAKEN_UP
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP
from streams.engine.durability import lost_offsets, risks, topics

log = structlog.get_logger()
_SECONDS = 5.0
_WHAT = "durability"
_LOOPBACK = ("127.", "localhost", "[::1]")
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CONNECTIONS = 5
_APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `advice`: what to do, empty when all is well."""

    what: str
    found: str
    advice: str = ""


async def durability(settings: Settings, remembered_hours: float) -> list[Finding]:
    """Check what could lose data. If Kafka or Postgres cannot be reached, their own checks say so."""
    findings = [*await _kafka(settings, remembered_hours), *await _postgres(settings)]
    return findings or [Finding(_WHAT, "ok")]


async def _kafka(settings: Settings, remembered_hours: float) -> list[Finding]:
    if (
        settings.kafka_bootstrap_servers is None or settings.kafka_embedded
    ):  # the embedded broker keeps nothing that is meant to last
        return []
    try:
        found = risks(await topics(settings), remembered_hours=remembered_hours)
        lost = await lost_offsets(settings, WORKER_GROUP, sorted(TAKEN_UP))
        other = await differences(settings)
    except (ConfigurationError, KafkaError, OSError, TimeoutError):
        return []
    # A trial on one machine has one disk, whatever is set: that is reported, without advice.
    is_trial = all(
        server.strip().startswith(_LOOPBACK) for server in settings.kafka_bootstrap_servers.split(",")
    )
    return [
        *(Finding(_WHAT, what, "" if is_trial and "replica" in what else advice) for what, advice in found),
        *(
            Finding(
                _WHAT,
                f"{each.topic}: {each.name}={each.found}, by the settings {each.wanted}",
                "run `migrate`",
            )
            for each in other
        ),
        *(
            Finding(
                _WHAT,
                each,
                "events are lost or the topic was made anew; the worker goes on at the earliest: "
                "`backfill`, then `replay`",
            )
            for each in lost
        ),
    ]


async def _postgres(settings: Settings) -> list[Finding]:
    if settings.database_url is None:
        return []
    try:
        connection = await connect(settings.database_url, _SECONDS)
        try:
            names = ("synchronous_commit", "fsync", "full_page_writes")
            values = {name: await connection.fetchval(f"SHOW {name}") for name in names}
        finally:
            await connection.close()
    except CONNECT_ERRORS:
        return []
    return [
        Finding(
            _WHAT, f"Postgres: {name}={value}", f"set {name}=on: a crash loses steps that were acknowledged"
        )
        for name, value in values.items()
        if value == "off"
    ]


async def templates(settings: Settings) -> list[Finding]:
    """Check each configured template. Nothing is asked if there is none, or if the settings are malformed."""
    try:
        configured = Templates.of(settings)
    except ConfigurationError:
        return []  # reported already
    named = {
        "TWILIO_FIRST_MESSAGE_CONTENT_SID": configured.first,
        "TWILIO_NO_ANSWER_CONTENT_SID": configured.no_answer
        if settings.twilio_no_answer_content_sid
        else None,
        "TWILIO_REOPEN_CONTENT_SID": configured.reopen if settings.twilio_reopen_content_sid else None,
    }
    if configured.first is None:
        advice = (
            "outside the sandbox set TWILIO_FIRST_MESSAGE_CONTENT_SID: a call does not open the 24-hour "
            "window"
        )
        return [Finding("templates", "none for the first message", advice if _is_real(settings) else "")]
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        content = TwilioContent(TwilioApi(settings, session))
        return [await _look(content, name, template) for name, template in named.items() if template]


def warn_of_templates(settings: Settings) -> None:
    """Log at the start what would make every first message fail; we start even if Twilio is away."""
    for finding in asyncio.run(templates(settings)):
        if finding.advice:
            log.error(
                "template is not usable", template=finding.what, found=finding.found, advice=finding.advice
            )


def _is_real(settings: Settings) -> bool:
    """Return whether the sender is a real one: the sandbox's own needs no template of ours."""
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
    advice = (
        ""
        if found.approval == _APPROVED
        else "WhatsApp sends approved templates only; see its state at Twilio"
    )
    return Finding(name, found.approval or "not submitted to WhatsApp", advice)
