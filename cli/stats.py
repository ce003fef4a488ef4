"""`stats`: shows the figures, compares the tables with Postgres, rebuilds them."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

import aiohttp
from rich.table import Table

from cli.connected import pool_of
from cli.console import plain_console
from cli.stats_sums import sums_differ
from clients.http import open_session
from clients.views import StatsClient
from schemas.errors import Unavailable
from schemas.settings import Settings, require
from schemas.topics import CONVERSATION_EVENT
from streams.stats.check import Check, Comparison
from streams.stats.postgres import Rows
from streams.stats.queue import EventLag

DIFFERENT, UNSETTLED = 1, 3
_CONNECTIONS = 10
_LOOK_SECONDS = 0.5
Sums = dict[str, int]
"""What a rebuild of the tables did, all stats workers together."""


def run_stats(settings: Settings, *, check: bool, rebuild: str | None, patience: float, as_json: bool) -> int:
    """Do what is asked, rebuild before check. Return 0: equal or done; 1: different; 3: events on their way.

    `rebuild`: from what, "topic" (as far back as it reaches) or "postgres".

    Raises:
        Unavailable: no stats worker, Postgres or Kafka answers.
        ConfigurationError: a setting is missing.
    """
    require(settings, *(("database_url", "kafka_bootstrap_servers") if check else ()))
    return asyncio.run(_run(settings, check=check, rebuild=rebuild, patience=patience, as_json=as_json))


async def _run(
    settings: Settings, *, check: bool, rebuild: str | None, patience: float, as_json: bool
) -> int:
    async with open_session(aiohttp.ClientTimeout(), _CONNECTIONS) as session:
        client = StatsClient(settings, session, patience)
        done = _sums(await _rebuilt(client, rebuild)) if rebuild else None
        if done and not (check and as_json):
            _print_rebuilt(done, as_json=as_json)
        if check:
            return await _check(settings, client, patience, done, as_json=as_json)
        if not rebuild:
            _print_figures((await client.figures())["stats"], as_json=as_json)
    return 0


async def _rebuilt(client: StatsClient, source: str) -> list[dict[str, Any]]:
    workers = await client.rebuild(source)
    while any(worker["running"] for worker in workers):
        await asyncio.sleep(_LOOK_SECONDS)
        workers = await client.rebuild(None)
    if failed := [worker["failed"] for worker in workers if worker["failed"]]:
        raise Unavailable(f"rebuild ended early, do it again: {failed[0]}")
    return workers


def _sums(workers: list[dict[str, Any]]) -> Sums:
    names = ("looked_at", "changed", "from_topic", "from_postgres")
    return {name: sum(worker[name] for worker in workers) for name in names}


async def _check(
    settings: Settings, client: StatsClient, patience: float, rebuilt: Sums | None, *, as_json: bool
) -> int:
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await pool_of(settings))
        lag = EventLag(settings)
        stack.push_async_callback(lag.stop)
        await lag.start()
        rows = Rows(pool, settings.stats_closed_kept_days)
        result = await Check(settings, client, rows, lag, patience).compare()
        if not result.pending:
            result.differences += await sums_differ(settings, client, pool, patience)
    _print_comparison(result, rebuilt, as_json=as_json)
    return 0 if result.equal else DIFFERENT if result.differences else UNSETTLED


def _print_figures(stats: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(stats))
        return
    table = Table("figure", "value")
    for name, value in stats.items():
        table.add_row(name.replace("_", " "), str(value))
    plain_console().print(table)


def _print_rebuilt(done: Sums, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"rebuilt": done}))
        return
    made = f"{done['from_topic']} from the topic {CONVERSATION_EVENT}, {done['from_postgres']} from Postgres"
    print(f"{done['looked_at']} conversations made again, {made}; {done['changed']} of them differed")


def _print_comparison(result: Comparison, rebuilt: Sums | None, *, as_json: bool) -> None:
    if as_json:
        told = {"rebuilt": rebuilt} if rebuilt else {}
        print(json.dumps(told | asdict(result) | {"equal": result.equal}, ensure_ascii=False))
        return
    if result.differences:
        table = Table("conversation", "what", "tables", "Postgres")
        for each in result.differences:
            table.add_row(each.conversation, each.field, str(each.tables), str(each.postgres))
        plain_console().print(table)
    if result.pending:
        print(
            f"{result.pending} of {result.conversations} conversations have events still on their way; "
            "not compared"
        )
    verdict = "equal" if result.equal else f"{len(result.differences)} differences"
    print(f"{result.conversations} conversations compared with Postgres: {verdict}")
