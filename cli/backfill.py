"""`backfill`: fetches from the vendors what was missed, and shows what it found."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from cli.backfill_output import as_json, show
from cli.connected import postgres_and_kafka
from clients.elevenlabs.batches import ElevenLabsBatches
from clients.elevenlabs.calls import ElevenLabsCalls
from clients.elevenlabs.campaigns import ElevenLabsCampaigns
from clients.vendors import open_readers
from schemas.documents import now
from schemas.errors import InvalidInput, VendorError
from schemas.query import point_in_time
from schemas.retention import remembered_for
from schemas.settings import Settings, require
from web.backfill import Backfill, Findings
from web.backfill_calls import CallBackfill, CallFindings
from web.publisher import Publisher
from web.spool import Spool

log = structlog.get_logger()

_REQUIRED = ("database_url", "kafka_bootstrap_servers", "twilio_account_sid", "twilio_auth_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to look at. `since`, `until`: aware, UTC; `batches`: these too, even if unknown here."""

    since: datetime
    until: datetime
    batches: Sequence[str]
    dry_run: bool


def run_backfill(
    settings: Settings,
    since: str,
    until: str | None,
    *,
    batches: Sequence[str] = (),
    dry_run: bool,
    json_output: bool,
) -> int:
    """Look, publish (unless `dry_run`) and print. Return 1 if ElevenLabs is set up but could not be compared.

    Raises:
        InvalidInput: a time is malformed; the window is empty, in the future, or older than we remember.
        ConfigurationError, Unavailable, VendorError: nothing, or not all of it, was published.
    """
    require(settings, *_REQUIRED)
    at = now()
    asked = Asked(
        since=point_in_time("--since", since, at),
        until=point_in_time("--until", until, at) if until else at,
        batches=batches,
        dry_run=dry_run,
    )
    if asked.since >= asked.until:
        raise InvalidInput("--since", "must be before --until and before now")
    _check_remembered(settings, asked.since, at)
    findings, calls, problem = asyncio.run(_run(settings, asked))
    if json_output:
        print(json.dumps(as_json(findings, calls, problem, dry_run=dry_run), ensure_ascii=False))
    else:
        show(findings, calls, problem, dry_run=dry_run)
    return 1 if problem and settings.elevenlabs_api_key else 0


def _check_remembered(settings: Settings, since: datetime, at: datetime) -> None:
    """Refuse what is older than we remember: forgotten messages would look missed and be answered again."""
    remembered = remembered_for(settings)
    if remembered is not None and since < at - remembered:
        days = f"{remembered.total_seconds() / 86_400:g}"
        raise InvalidInput(
            "--since",
            f"at most {days}d: no more is remembered (JOURNAL_RETENTION_DAYS), "
            "what is older is taken for new",
        )


async def _run(settings: Settings, asked: Asked) -> tuple[Findings, CallFindings | None, str | None]:
    """Return Twilio's findings, and either ElevenLabs' or why there are none."""
    async with postgres_and_kafka(settings) as (database, kafka), open_readers(settings) as readers:
        publisher = Publisher(kafka, Spool(database))
        twilio = Backfill(settings, database, publisher, readers.messenger)
        findings = await (twilio.look if asked.dry_run else twilio.run)(asked.since, asked.until)
        if settings.elevenlabs_api_key is None:
            return findings, None, "ELEVENLABS_API_KEY is not set"
        api = readers.elevenlabs
        lists = ElevenLabsBatches(api), ElevenLabsCampaigns(api)
        elevenlabs = CallBackfill(settings, database, publisher, ElevenLabsCalls(api), lists)
        try:
            calls = await elevenlabs.look(asked.since, asked.until, batches=asked.batches)
            if not asked.dry_run:
                await elevenlabs.publish(calls)
        except VendorError as error:
            return findings, None, str(error)
        return findings, calls, None
