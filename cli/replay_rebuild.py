"""`replay conversation-event --mode rebuild`: the tables again from the log.

Into an empty database, beside the present one, or into one that an older backup was restored to.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg

from cli.replay_output import nothing_there, progress_bar, say_what_is_cut
from db.migrate import migrate
from db.queries import load
from db.rebuild import Target, connect
from schemas.errors import ConfigurationError, InvalidInput, Unavailable
from schemas.phone import number_digest
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, INBOUND_MESSAGE
from streams.conversation.keywords import Keywords
from streams.engine.topics import live_members
from streams.replay.reader import Reader
from streams.replay.rebuild import Rebuild, Rebuilt
from streams.replay.window import Window
from streams.worker.run import GROUP

_sql = load("rebuild")
# Kafka gives a worker that died without a word up after its session time-out of 6 s.
_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.5
# Keys shown of each table's differences; the counts are of all.
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`where`: beside, into, catch-up; `differences`: by table, where there is something to compare with."""

    where: str
    events: int
    seconds: float
    result: Rebuilt
    differences: list[dict[str, Any]]


async def run_rebuild(
    settings: Settings, window: Window, *, into: str | None, catch_up: bool, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Rebuild and print the report; 0, or 1 where the log had nothing.

    Raises:
        InvalidInput: the database of `--into` is not empty, or options do not go together.
        Unavailable: workers are running while their database is to be caught up, or the log is empty.
    """
    if into and catch_up:
        raise InvalidInput("--into", "give either --into, for an empty database, or --catch-up, for the service's own")
    if catch_up and not dry_run:
        await _check_catch_up(settings, yes=yes)
    beside = dry_run or not (into or catch_up)
    dsn = settings.database_url if beside or not into else into
    assert dsn is not None, "required by the caller"
    if not beside:
        await _prepared(dsn)
    connection = await _connected(dsn)
    try:
        target = Target(connection)
        await target.open(beside=beside)
        if into and not beside and not await target.is_empty():
            raise InvalidInput("--into", "holds conversations already; give an empty database")
        report = await _rebuild(settings, target, window, beside=beside, where="into" if into else "catch-up")
    finally:
        await connection.close()
    _print(report, as_json=as_json)
    return 0


async def _check_catch_up(settings: Settings, *, yes: bool) -> None:
    end = time.monotonic() + _GONE_SECONDS
    while members := await live_members(settings, GROUP):
        if time.monotonic() > end:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    if members:
        raise Unavailable("workers are running; stop them, so that nothing changes the tables meanwhile")
    if not yes:
        raise InvalidInput("--yes", "--catch-up writes into DATABASE_URL; say that this is meant")


async def _prepared(dsn: str) -> None:
    try:
        await migrate(dsn)
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        raise ConfigurationError(f"the database cannot be prepared: {error}") from error


async def _connected(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await connect(dsn)
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        raise ConfigurationError(f"the database does not answer: {error}") from error


async def _rebuild(settings: Settings, target: Target, window: Window, *, beside: bool, where: str) -> Report:
    rebuild, begun = Rebuild(target, Keywords.of(settings), await _erased(target, settings)), time.monotonic()
    with progress_bar() as progress:
        for topic, read in ((CONVERSATION_EVENT, rebuild.events), (INBOUND_MESSAGE, rebuild.inputs)):
            async with Reader(settings, topic, window) as reader:
                say_what_is_cut(reader)
                if topic == CONVERSATION_EVENT and not reader.total:
                    raise Unavailable(nothing_there(reader))
                task = progress.add_task(topic, total=reader.total)
                await read(reader.batches(), partial(progress.advance, task))
    if not beside:
        await target.finish(rebuild.result.numbers, rebuild.result.erasures)
    seconds = time.monotonic() - begun
    differences = await target.differences(_MOST_SHOWN) if beside else []
    return Report(
        where="beside" if beside else where, events=rebuild.result.events, seconds=seconds, result=rebuild.result,
        differences=differences,
    )  # fmt: skip


async def _erased(target: Target, settings: Settings) -> Callable[[str, datetime], bool]:
    """Numbers that were erased stay so: what happened before their erasure does not come back.

    The service's own database knows them, also where another one is filled; one that is lost knows none, but then the
    erasures in the log count.
    """
    erased = await target.erasures()
    if settings.database_url:
        try:
            own = await connect(settings.database_url)
        except (OSError, asyncpg.PostgresError):
            return _test(erased)
        try:
            erased |= await Target(own).erasures()
        except asyncpg.UndefinedTableError:
            return _test(erased)
        finally:
            await own.close()
    return _test(erased)


def _test(erased: dict[str, datetime]) -> Callable[[str, datetime], bool]:
    def is_erased(phone: str, at: datetime) -> bool:
        return bool(erased) and at.replace(tzinfo=None) <= erased.get(number_digest(phone), datetime.min)

    return is_erased


def _print(report: Report, *, as_json: bool) -> None:
    result = report.result
    counts = {
        "where": report.where, "events": report.events, "seconds": round(report.seconds, 2),
        "events_per_second": round(report.events / report.seconds) if report.seconds else None, "known": result.known,
        "erased": result.erased, "unreadable": result.unreadable, "without_beginning": len(result.without_beginning),
        "with_gaps": len(result.with_gaps), "differences": report.differences,
    }  # fmt: skip
    if as_json:
        print(json.dumps(counts, ensure_ascii=False, default=str))
        return
    print(f"{report.events} events in {report.seconds:.1f} s ({counts['events_per_second']}/s), {report.where}")
    for name in ("known", "erased", "unreadable", "without_beginning", "with_gaps"):
        if counts[name]:
            print(f"  {name.replace('_', ' ')}: {counts[name]}")
    for table in report.differences:
        print(f"{table['table']}: {table['equal']} equal, {table['differing']} differ,"
              f" {table['only_in_log']} only in the log, {table['only_in_database']} only in the database")  # fmt: skip
        for example in table["examples"]:
            print(f"  {example}")
    if result.unreadable:
        print("what is unreadable stays in the log; a newer build may read it", file=sys.stderr)
