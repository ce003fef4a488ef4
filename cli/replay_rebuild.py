"""`replay conversation-event --mode rebuild`: rebuilds the tables from the log.

Into an empty database, beside the present one, or into one that an older backup was restored to.
"""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial

from cli.connected import still_running
from cli.replay_output import nothing_there, progress_bar, say_what_is_cut
from db.comparison import Difference
from db.failures import InvalidCatalogNameError, UndefinedTableError
from db.migrate import migrate
from db.pool import CONNECT_ERRORS
from db.rebuild import Target, tables
from db.store.erasures import Erasures
from rules.policy import Policy
from schemas.errors import ConfigurationError, InvalidInput, Unavailable
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, WORKER_GROUP
from streams.replay.reader import Reader
from streams.replay.rebuild import Rebuild, Rebuilt
from streams.replay.window import Window

# Keys shown of each table's differences; the counts include all.
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A rebuild. `where`: beside, into, catch-up; `differences`: by table, if any is there to compare."""

    where: str
    events: int
    seconds: float
    result: Rebuilt
    differences: list[Difference]


async def run_rebuild(
    settings: Settings,
    window: Window,
    *,
    into: str | None,
    catch_up: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Rebuild and print the report; return 0.

    Raises:
        InvalidInput: the database of `--into` is not empty, or options do not go together.
        Unavailable: workers are running while their database is to be caught up, or the log is empty.
    """
    if into and catch_up:
        raise InvalidInput(
            "--into", "give either --into, for an empty database, or --catch-up, for the service's own"
        )
    if catch_up and not dry_run:
        await _check_catch_up(settings, yes=yes)
    beside = dry_run or not (into or catch_up)
    dsn = settings.database_url if beside or not into else into
    assert dsn is not None, "required by the caller"
    if not beside:
        await _prepared(dsn)
    async with _opened(dsn, beside=beside) as target:
        if into and not beside and not await target.may_be_filled():
            raise InvalidInput("--into", "holds conversations already; give an empty database")
        report = await _rebuild(settings, target, window, beside=beside, where="into" if into else "catch-up")
    _print(report, as_json=as_json)
    return 0


async def _check_catch_up(settings: Settings, *, yes: bool) -> None:
    if await still_running(settings, WORKER_GROUP):
        raise Unavailable("workers are running; stop them, so that nothing changes the tables meanwhile")
    if not yes:
        raise InvalidInput("--yes", "--catch-up writes into DATABASE_URL; say that this is meant")


async def _prepared(dsn: str) -> None:
    try:
        await migrate(dsn)
    except CONNECT_ERRORS as error:
        raise ConfigurationError(f"the database cannot be prepared: {error}") from error


@asynccontextmanager
async def _opened(dsn: str, *, beside: bool) -> AsyncIterator[Target]:
    try:
        async with tables(dsn, beside=beside) as target:
            yield target
    except CONNECT_ERRORS as error:
        raise ConfigurationError(f"the database does not answer: {error}") from error


async def _rebuild(settings: Settings, target: Target, window: Window, *, beside: bool, where: str) -> Report:
    begun = time.monotonic()
    rebuild = Rebuild(
        target, Policy.of(settings), await _erased(target, settings, into=not beside and where == "into")
    )
    with progress_bar() as progress:
        async with Reader(settings, CONVERSATION_EVENT, window) as reader:
            say_what_is_cut(reader)
            if not reader.total:
                raise Unavailable(nothing_there(reader))
            await target.claim(reader.spans)
            task = progress.add_task(CONVERSATION_EVENT, total=reader.total)
            await rebuild.events(reader.batches(), partial(progress.advance, task))
    result = rebuild.result
    if not beside:
        await target.finish(result.numbers, result.ids, result.erasures)
    seconds = time.monotonic() - begun
    differences = await target.differences(_MOST_SHOWN) if beside else []
    where = "beside" if beside else where
    return Report(where=where, events=result.events, seconds=seconds, result=result, differences=differences)


async def _erased(target: Target, settings: Settings, *, into: bool) -> Erasures:
    """Return the erasures, so that nothing from before a number's erasure comes back.

    The service's own database knows them, even if another one is being filled. If it is lost, the erasures in
    the log count instead.
    """
    if settings.database_url is None:
        return await target.erasures()
    try:
        async with tables(settings.database_url, beside=False) as own:
            erased = await own.erasures()
    except (OSError, UndefinedTableError, InvalidCatalogNameError):
        return await target.erasures()
    if into:
        await target.take_over(erased)
    return replace(erased, at={**(await target.erasures()).at, **erased.at})


def _print(report: Report, *, as_json: bool) -> None:
    result = report.result
    counts = {
        "where": report.where,
        "events": report.events,
        "seconds": round(report.seconds, 2),
        "events_per_second": round(report.events / report.seconds) if report.seconds else None,
        "known": result.known,
        "erased": result.erased,
        "unreadable": result.unreadable,
        "refused": result.refused,
        "without_beginning": len(result.without_beginning),
        "with_gaps": len(result.with_gaps),
        "differences": [asdict(each) for each in report.differences],
    }
    if as_json:
        print(json.dumps(counts, ensure_ascii=False, default=str))
        return
    print(
        f"{report.events} events in {report.seconds:.1f} s ({counts['events_per_second']}/s), {report.where}"
    )
    for name in ("known", "erased", "unreadable", "refused", "without_beginning", "with_gaps"):
        if counts[name]:
            print(f"  {name.replace('_', ' ')}: {counts[name]}")
    for table in report.differences:
        print(
            f"{table.table}: {table.equal} equal, {table.differing} differ,"
            f" {table.only_in_log} only in the log, {table.only_in_database} only in the database"
        )
        for example in table.examples:
            print(f"  {asdict(example)}")
    if result.unreadable:
        print("what is unreadable stays in the log; a newer build may read it", file=sys.stderr)
