"""`backfill`: fetches from the vendors what was missed, and shows what it found."""

import asyncio
import json
from datetime import datetime
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from cli.connected import postgres_and_kafka
from schemas.documents import now
from schemas.errors import InvalidInput
from schemas.phone import masked
from schemas.settings import Settings, require
from schemas.times import point_in_time
from web.backfill import Backfill, Findings
from web.publisher import Publisher
from web.spool import Spool
from web.twilio_list import TwilioList

_REQUIRED = ("database_url", "kafka_bootstrap_servers", "twilio_account_sid", "twilio_auth_token")


def run_backfill(settings: Settings, since: str, until: str | None, *, dry_run: bool, as_json: bool) -> int:
    """Look, publish (unless `dry_run`) and print; 0.

    Raises:
        InvalidInput: a time is malformed, or the window is empty or in the future.
        ConfigurationError, Unavailable, VendorError: nothing, or not all of it, was published.
    """
    require(settings, *_REQUIRED)
    at = now()
    window = point_in_time("--since", since, at), point_in_time("--until", until, at) if until else at
    if window[0] >= window[1]:
        raise InvalidInput("--since", "must be before --until and before now")
    findings = asyncio.run(_run(settings, *window, dry_run=dry_run))
    if as_json:
        print(json.dumps(_as_json(findings, dry_run=dry_run), ensure_ascii=False))
    else:
        _print(findings, dry_run=dry_run)
    return 0


async def _run(settings: Settings, since: datetime, until: datetime, *, dry_run: bool) -> Findings:
    async with postgres_and_kafka(settings) as (database, kafka), aiohttp.ClientSession() as session:
        backfill = Backfill(settings, database, Publisher(kafka, Spool(database)), TwilioList(settings, session))
        return await (backfill.look(since, until) if dry_run else backfill.run(since, until))


def _as_json(findings: Findings, *, dry_run: bool) -> dict[str, Any]:
    return {
        "since": findings.since.isoformat(), "until": findings.until.isoformat(), "published": not dry_run,
        "listed": findings.listed,
        "messages": [{"sid": each.sid, "from": each.from_, "at": each.created.isoformat()} for each in findings.messages],
        "statuses": [{"sid": each.sid, "status": each.status} for each in findings.statuses],
        "sends": [{"own_id": own_id, "sid": each.sid, "status": each.status} for own_id, each in findings.sends],
    }  # fmt: skip


def _print(findings: Findings, *, dry_run: bool) -> None:
    done = "would be published" if dry_run else "published"
    console = Console(soft_wrap=True)
    console.print(f"Twilio lists {findings.listed} messages from {findings.since:%F %T} to {findings.until:%F %T} UTC.")
    if not findings.any:
        console.print("Nothing was missed.")
        return
    table = Table("what", "number", "when (UTC)", "id", title=f"missed, {done}")
    for each in findings.messages:
        table.add_row("message", masked(each.from_.removeprefix("whatsapp:")), f"{each.created:%F %T}", each.sid)
    for each in findings.statuses:
        table.add_row(f"status {each.status}", masked(each.to.removeprefix("whatsapp:")), f"{each.created:%F %T}", each.sid)
    for _, each in findings.sends:
        table.add_row("send found", masked(each.to.removeprefix("whatsapp:")), f"{each.created:%F %T}", each.sid)
    console.print(table)
