"""`doctor`: what is configured, reachable and consistent, and what to do about what is not."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from cli.doctor_agents import agents
from cli.doctor_durability import durability
from cli.doctor_templates import templates
from cli.findings import Finding
from db.start import is_migrated
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from streams.conversation.configuration import problems
from streams.engine.topics import check_copartitioning

_SECONDS = 5.0
_HOURS_A_DAY = 24
_NEEDED = (
    "microservice_token", "twilio_account_sid", "twilio_auth_token", "elevenlabs_api_key", "database_url",
    "kafka_bootstrap_servers",
)  # fmt: skip


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; a thing that cannot be looked at is a finding, too."""
    checks: list[Callable[[Settings], Awaitable[Finding]]] = [_database, _kafka, _twilio, _elevenlabs]
    return [
        *_configured(settings),
        *_texts(settings),
        *[await check(settings) for check in checks],
        *await templates(settings),
        *await agents(settings),
        *await durability(settings, _remembered_hours(settings)),
    ]


def _remembered_hours(settings: Settings) -> float:
    """Ids are remembered as long as the journal: for ever, or no shorter than the topics are said to be kept."""
    days = settings.journal_retention_days
    return max(days * _HOURS_A_DAY, settings.topic_retention_hours) if days else math.inf


def run_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the findings; 1 when something must be done."""
    findings = asyncio.run(examine(settings))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        table = Table("what", "found", "what to do")
        for finding in findings:
            table.add_row(finding.what, finding.found, finding.advice)
        Console().print(table)
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
    """Texts, templates and rules: one line for each thing that is wrong."""
    return [Finding("texts", "wrong", problem) for problem in problems(settings)] or [Finding("texts", "ok")]


async def _database(settings: Settings) -> Finding:
    if settings.database_url is None:
        return Finding("Postgres", "not configured", "set DATABASE_URL")
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=_SECONDS)
        try:
            migrated = await is_migrated(connection)
        finally:
            await connection.close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        return Finding("Postgres", f"not reachable: {type(error).__name__}", "check DATABASE_URL and that it runs")
    return Finding("Postgres", "ok") if migrated else Finding("Postgres", "schema missing or old", "run `migrate`")


async def _kafka(settings: Settings) -> Finding:
    try:
        counts = await check_copartitioning(settings)
    except ConfigurationError as error:
        return Finding("Kafka", "wrong", str(error))
    except (KafkaError, OSError, TimeoutError) as error:
        return Finding("Kafka", f"not reachable: {type(error).__name__}", "check KAFKA_BOOTSTRAP_SERVERS and that it runs")
    return Finding("Kafka", f"{len(counts)} topics of {min(counts.values())} partitions")


async def _twilio(settings: Settings) -> Finding:
    account, token = settings.twilio_account_sid or "", settings.twilio_auth_token or ""
    url = f"{settings.twilio_api_base_url}/2010-04-01/Accounts/{account}.json"
    return await _vendor("Twilio", url, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN", auth=(account, token))


async def _elevenlabs(settings: Settings) -> Finding:
    url = f"{settings.elevenlabs_api_base_url}/v1/convai/agents?page_size=1"
    headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
    return await _vendor("ElevenLabs", url, "ELEVENLABS_API_KEY", headers=headers)


async def _vendor(
    name: str, url: str, variables: str, headers: dict[str, str] | None = None, auth: tuple[str, str] | None = None
) -> Finding:
    try:
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            status = (await client.get(url, headers=headers, auth=auth)).status_code
    except httpx.HTTPError as error:
        return Finding(name, f"not reachable: {type(error).__name__}", "check the network and the API's base URL")
    if status in (401, 403):
        return Finding(name, "credentials refused", f"check {variables}")
    return Finding(name, "ok") if status < 500 else Finding(name, f"answers {status}", "see the vendor's status page")
