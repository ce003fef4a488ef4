"""`doctor`: what is configured, reachable and consistent, and what to do about what is not."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
from aiokafka.errors import KafkaError
from rich.table import Table

from cli.console import plain_console
from cli.doctor_agents import agents
from cli.doctor_checks import Finding, durability, templates
from clients.elevenlabs.api import ElevenLabsApi
from clients.http import BROKE_OFF, open_session
from clients.kafka.rights import check_rights
from clients.kafka.topics import check_copartitioning
from clients.twilio.api import TwilioApi
from db.pool import CONNECT_ERRORS, connect
from db.versions import schema_version
from rules.configuration import problems
from schemas.errors import ConfigurationError
from schemas.public_url import public_url_problem
from schemas.retention import remembered_for
from schemas.rights import STATS_WORKER, WEB, WORKER
from schemas.settings import Settings

_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=_SECONDS)
_CONNECTIONS = 2
_REFUSED = (401, 403)
_HOUR = timedelta(hours=1)
_NEEDED = (
    "microservice_token",
    "twilio_account_sid",
    "twilio_auth_token",
    "elevenlabs_api_key",
    "database_url",
    "kafka_bootstrap_servers",
)


async def examine(settings: Settings) -> list[Finding]:
    """Check everything. What cannot be checked is a finding, too."""
    checks: list[Callable[[Settings], Awaitable[Finding]]] = [_database, _kafka, _twilio, _elevenlabs]
    return [
        *_configured(settings),
        *_texts(settings),
        public_url(settings),
        *[await check(settings) for check in checks],
        *await templates(settings),
        *await agents(settings),
        *await durability(settings, _remembered_hours(settings)),
    ]


def _remembered_hours(settings: Settings) -> float:
    """Return how long event ids are remembered: for ever, or at least a day over the topics' retention."""
    remembered = remembered_for(settings)
    return remembered / _HOUR if remembered else math.inf


def run_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the findings. Return 1 if something must be done, else 0."""
    findings = asyncio.run(examine(settings))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        table = Table("what", "found", "what to do")
        for finding in findings:
            table.add_row(finding.what, finding.found, finding.advice)
        plain_console().print(table)
    return 1 if any(finding.advice for finding in findings) else 0


def _configured(settings: Settings) -> list[Finding]:
    findings = []
    for name in _NEEDED:
        is_set = bool(getattr(settings, name))
        advice = (
            ""
            if is_set
            else f"set {name.upper()}"
            + ("; until then every call of /api is refused" if name == "microservice_token" else "")
        )
        findings.append(Finding(name.upper(), "set" if is_set else "not set", advice))
    return findings


def _texts(settings: Settings) -> list[Finding]:
    """Check texts, templates and rules; one finding for each thing that is wrong."""
    return [Finding("texts", "wrong", problem) for problem in problems(settings)] or [Finding("texts", "ok")]


def public_url(settings: Settings) -> Finding:
    """Judge by the address alone whether Twilio can call us: nobody here sees the route of Twilio's calls."""
    name, base = "PUBLIC_BASE_URL", settings.public_base_url
    if problem := public_url_problem(settings):
        advice = "set it to what Twilio's console calls, https://… on the internet"
        if base is None:
            advice += (
                "; until then webhooks pass whose proxy names it in X-Forwarded-Proto and -Host, or in "
                "Forwarded"
            )
        return Finding(name, problem, advice)
    if base is not None and urlsplit(base).username is not None:
        advice = "leave them out: they stand in Twilio's logs, and nobody checks them"
        return Finding(name, "has a user and a password in it", advice)
    return Finding(name, "ok" if base else "not needed by a Twilio on this machine")


async def _database(settings: Settings) -> Finding:
    if settings.database_url is None:
        return Finding("Postgres", "not configured", "set DATABASE_URL")
    try:
        connection = await connect(settings.database_url, _SECONDS)
        try:
            found, version = await schema_version(connection)
        finally:
            await connection.close()
    except CONNECT_ERRORS as error:
        return Finding(
            "Postgres", f"not reachable: {type(error).__name__}", "check DATABASE_URL and that it runs"
        )
    if found == "newer":
        return Finding(
            "Postgres", f"schema {version} is newer than this build", "start the build that migrated it"
        )
    if found == "older":
        return Finding("Postgres", "schema missing or old", "run `migrate`")
    unused = ", ".join(settings.unused_database_parameters)
    return Finding("Postgres", f"ok; not used of DATABASE_URL: {unused}" if unused else "ok")


async def _kafka(settings: Settings) -> Finding:
    try:
        for needs in (WEB, WORKER, STATS_WORKER):
            await check_rights(settings, needs)
        counts = await check_copartitioning(settings)
    except ConfigurationError as error:
        return Finding("Kafka", "wrong", str(error))
    except (KafkaError, OSError, TimeoutError) as error:
        return Finding(
            "Kafka",
            f"not reachable: {type(error).__name__}",
            "check KAFKA_BOOTSTRAP_SERVERS and that it runs",
        )
    return Finding("Kafka", f"{len(counts)} topics of {min(counts.values())} partitions")


async def _twilio(settings: Settings) -> Finding:
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        probe = TwilioApi(settings, session).probe
        return await _vendor("Twilio", probe, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN")


async def _elevenlabs(settings: Settings) -> Finding:
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        return await _vendor("ElevenLabs", ElevenLabsApi(settings, session).probe, "ELEVENLABS_API_KEY")


async def _vendor(
    name: str, probe: Callable[[aiohttp.ClientTimeout], Awaitable[int]], variables: str
) -> Finding:
    try:
        status = await probe(_TIMEOUT)
    except BROKE_OFF as error:
        return Finding(
            name, f"not reachable: {type(error).__name__}", "check the network and the API's base URL"
        )
    if status in _REFUSED:
        return Finding(name, "credentials refused", f"check {variables}")
    return (
        Finding(name, "ok")
        if status < 500
        else Finding(name, f"answers {status}", "see the vendor's status page")
    )
