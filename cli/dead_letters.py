"""`dead-letters`: works with what could not be done, just as `/api/dead-letters` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import typer
from rich.table import Table

from cli.connected import postgres_and_kafka
from cli.console import plain_console
from schemas.phone import masked
from schemas.settings import Settings, require
from web.dead_letters.index import Index
from web.dead_letters.letters import Letters
from web.dead_letters.routes import filters_of, rate_of, which

Json = dict[str, Any]


def run_list(settings: Settings, query: dict[str, str], *, as_json: bool) -> int:
    """Print a page; return 0."""
    filters = filters_of(query)
    page = _with_letters(settings, lambda letters: letters.page(filters))
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return 0
    table = Table("id", "at", "state", "topic", "number", "reason", "details", "tries")
    for each in page["dead_letters"]:
        number = masked(each["phone_number"]) if each["phone_number"] else ""
        cells = (each[name] for name in ("id", "at", "state", "topic"))
        table.add_row(*cells, number, each["reason"], each["details"], str(each["tries"]))
    plain_console(soft_wrap=True).print(table if page["dead_letters"] else "No dead letters.")
    if "next_before" in page:
        print(f"more: --before {page['next_before']}")
    return 0


def run_show(settings: Settings, letter_id: str, *, as_json: bool) -> int:
    """Print one letter with its bytes; return 0."""
    letter = _with_letters(settings, lambda letters: letters.show(letter_id))
    if as_json:
        print(json.dumps(letter, ensure_ascii=False))
        return 0
    for name, value in letter.items():
        shown = value if name not in ("key", "value") or value is None else value["text"] or value["base64"]
        print(f"{name}: {shown}")
    return 0


def run_retry(
    settings: Settings,
    by: str,
    ids: list[str],
    reason: str | None,
    value: bytes | None,
    rate: float,
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish letters again; return 1 if not a single one could be, else 0."""
    chosen, why = which(ids, reason, everything=everything)
    per_second = rate_of(rate)
    if chosen is None and not yes:
        typer.confirm("Publish all of them again?", abort=True, err=True)
    done = _with_letters(settings, lambda letters: letters.retry(by, chosen, why, value, per_second))
    return _print_results(done, as_json=as_json)


def run_discard(settings: Settings, by: str, ids: list[str], reason: str, *, as_json: bool) -> int:
    """Dismiss letters; return 0."""
    return _print_results(
        _with_letters(settings, lambda letters: letters.discard(by, ids, reason)), as_json=as_json
    )


def _print_results(results: list[Json], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(results, ensure_ascii=False))
    for each in [] if as_json else results:
        print(f"{each['id']}: {each['action']}{'; ' + each['why'] if 'why' in each else ''}")
    if not results and not as_json:
        print("Nothing to do.")
    return 0 if any(each["action"] != "kept" for each in results) else 1


def _with_letters(settings: Settings, work: Callable[[Letters], Awaitable[Any]]) -> Any:  # noqa: ANN401
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_connected(settings, work))


async def _connected(settings: Settings, work: Callable[[Letters], Awaitable[Any]]) -> Any:  # noqa: ANN401
    async with postgres_and_kafka(settings) as (database, kafka):
        return await work(Letters(Index(settings, database), kafka, settings.country))
