"""`replay`: a past window once more; shown first, and confirmed where clients would notice."""

import asyncio
import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import typer

from cli.connected import pool_of
from cli.replay_output import nothing_there, progress_bar, say_what_is_cut
from cli.replay_rebuild import run_rebuild
from cli.replay_what_if import run_what_if
from clients.kafka.producer import Producer
from db.pool import Pool
from db.readers import replays
from db.readers.persons import addresses_of
from schemas.documents import now
from schemas.errors import InvalidInput, Unavailable
from schemas.phone import conversation_key
from schemas.settings import Settings, require
from schemas.topics import CONVERSATION_EVENT
from streams.replay.candidates import Wanted, check_topic
from streams.replay.plan import Mode, Plan
from streams.replay.session import Order, Session
from streams.replay.window import Window, make_window

_MODES = ("resume", "rebuild", "again", "what-if")
# From one every minute and a half to more than any topic takes. They keep the limiter's numbers finite.
_LOWEST_RATE, _HIGHEST_RATE = 0.01, 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line's options, as given."""

    topic: str
    since: str | None
    until: str | None
    from_offset: int | None
    to_offset: int | None
    mode: str
    number: str | None
    batch: str | None
    only: str | None
    rate: float
    identity: str | None
    into: str | None
    catch_up: bool
    dry_run: bool
    yes: bool
    as_json: bool


def run_replay(settings: Settings, options: Options) -> int:
    """Do what is asked for. Return 0, or 1 if nothing was done.

    Raises:
        InvalidInput: an option is malformed, or does not go with another.
        Unavailable: Kafka or Postgres does not answer, or the window holds nothing.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    if options.mode not in _MODES:
        raise InvalidInput("--mode", f"must be one of: {', '.join(_MODES)}")
    if options.only not in (None, "failed"):
        raise InvalidInput("--only", "must be: failed")
    if not options.topic and options.identity is None:
        raise InvalidInput("TOPIC", "say which topic, or --id of an interrupted replay")
    if not _LOWEST_RATE <= options.rate <= _HIGHEST_RATE:
        raise InvalidInput("--rate", f"must be above 0: from {_LOWEST_RATE:g} to {_HIGHEST_RATE:g} a second")
    try:
        return asyncio.run(_run(settings, options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1


async def _run(settings: Settings, options: Options) -> int:
    number = conversation_key(options.number) if options.number else None
    wanted = Wanted(number=number, batch=options.batch)
    if options.mode == "rebuild":
        if options.topic != CONVERSATION_EVENT:
            raise InvalidInput("topic", f"--mode rebuild reads {CONVERSATION_EVENT}")
        if wanted != Wanted() or options.only:
            raise InvalidInput("--mode", "rebuild makes whole tables: no --number, --batch or --only")
        return await run_rebuild(
            settings,
            _window(options, may_be_open=True),
            into=options.into,
            catch_up=options.catch_up,
            dry_run=options.dry_run,
            yes=options.yes,
            as_json=options.as_json,
        )
    if options.into or options.catch_up:
        raise InvalidInput("--into", "goes with --mode rebuild")
    if options.mode == "what-if":
        return await run_what_if(settings, options.topic, _window(options), wanted, as_json=options.as_json)
    pool = await pool_of(settings)
    try:
        if number is not None:  # whichever of the person's addresses it is
            wanted = replace(wanted, number=(await addresses_of(pool, number))[0])
        return await _replay(settings, pool, options, wanted)
    finally:
        await pool.close()


def _window(options: Options, *, may_be_open: bool = False) -> Window:
    return make_window(
        now(),
        options.since,
        options.until,
        options.from_offset,
        options.to_offset,
        may_be_open=may_be_open,
    )


async def _replay(settings: Settings, pool: Pool, options: Options, wanted: Wanted) -> int:
    session, is_new = await _session(settings, pool, options, wanted)
    with _progress("looking") as looked:
        async with session.reader() as reader:
            say_what_is_cut(reader)
            total = reader.total
            plan = await session.plan(reader, looked(total))
    if not is_new and not plan.published and not options.dry_run:  # it was cut off right before its end
        await replays.end(pool, session.identity)
        _show_done(options, session, plan)
        return 0
    if not plan.outcomes:
        raise Unavailable(nothing_there(reader))
    _show_plan(options, session, plan)
    if options.dry_run or not plan.published:
        return 0 if options.dry_run else 1
    if not _confirmed(options, session.order, plan):
        print("nothing was done", file=sys.stderr)
        return 1
    if is_new:
        await _remember(pool, options, session)
    done = await _publish(settings, session, total)
    _show_done(options, session, done)
    return 0


async def _publish(settings: Settings, session: Session, total: int) -> Plan:
    producer = Producer(settings)
    await producer.start()
    try:
        with _progress("publishing") as published:
            async with session.reader() as reader:
                return await session.publish(reader, producer, published(total))
    except (asyncio.CancelledError, OSError):
        print(f"interrupted; go on with: replay --id {session.identity}", file=sys.stderr)
        raise
    finally:
        await producer.stop()


async def _session(settings: Settings, pool: Pool, options: Options, wanted: Wanted) -> tuple[Session, bool]:
    if options.identity is not None:
        return await _former(settings, pool, options.identity, options.rate), False
    check_topic(options.topic, options.mode)
    order = Order(
        topic=options.topic,
        window=_window(options),
        mode="again" if options.mode == "again" else "resume",
        only="failed" if options.only else None,
        wanted=wanted,
        rate=options.rate,
    )
    unfinished = await replays.unfinished(pool, options.topic) if options.mode == "again" else None
    if unfinished and not options.dry_run:
        raise _is_unfinished(unfinished)
    identity = f"{now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return Session(settings, pool, order, identity, positions={}, ends={}), True


def _is_unfinished(identity: str) -> InvalidInput:
    return InvalidInput(
        "--mode", f"an earlier one is unfinished; go on with --id {identity}, or it would be done twice"
    )


async def _former(settings: Settings, pool: Pool, identity: str, rate: float) -> Session:
    former = await replays.FIND.one(pool, identity)
    if former is None:
        raise InvalidInput("--id", "no such replay")
    if former.state == "done":
        raise InvalidInput("--id", f"this replay is done: {former.published} events were published again")
    saved = former.options
    window = Window.of_json(saved["window"])
    wanted = Wanted(number=saved["number"], batch=saved["batch"])
    mode: Mode = "again" if former.mode == "again" else "resume"
    order = Order(topic=former.topic, window=window, mode=mode, only=saved["only"], wanted=wanted, rate=rate)
    positions, ends = _by_partition(former.positions), _by_partition(saved.get("ends", {}))
    return Session(settings, pool, order, identity, positions, ends)


def _by_partition(offsets: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in offsets.items()}


async def _remember(pool: Pool, options: Options, session: Session) -> None:
    order = session.order
    saved = {
        "window": order.window.as_json(),
        "number": order.wanted.number,
        "batch": order.wanted.batch,
        "only": order.only,
        "ends": session.ends,
    }
    # Another one may have begun since the plan was made and while the question was open.
    if other := await replays.begin(pool, session.identity, order.topic, order.mode, saved):
        raise _is_unfinished(other)


def _confirmed(options: Options, order: Order, plan: Plan) -> bool:
    """Ask, unless `--yes` was given. `again` writes to people, so it is confirmed by typing their count."""
    if options.yes:
        return True
    clients = len(plan.clients)
    if not sys.stdin.isatty():
        raise InvalidInput(
            "--yes", f"needed where nobody can be asked: {plan.published} events of {clients} clients"
        )
    if order.mode == "again":
        typer.echo(
            f"{clients} clients will be written to AGAIN, "
            f"{plan.published} events at {order.rate:g} a second.",
            err=True,
        )
        typed: str = typer.prompt("Type the number of clients to go on", err=True)
        return typed.strip() == str(clients)
    return typer.confirm(f"Publish {plan.published} events of {clients} clients again?", err=True)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int], Callable[[int], None]]]:
    with progress_bar() as progress:
        task = progress.add_task(what)

        def of(total: int) -> Callable[[int], None]:
            progress.update(task, total=total)
            return lambda count: progress.advance(task, count)

        yield of


def _show_plan(options: Options, session: Session, plan: Plan) -> None:
    if options.as_json:
        if options.dry_run or not plan.published:
            print(json.dumps(_as_json(session, plan) | {"dry_run": options.dry_run}))
        return
    print(
        f"{'would' if options.dry_run else 'will'} be published again: "
        f"{plan.published} of {sum(plan.outcomes.values())}"
    )
    for outcome, count in plan.outcomes.most_common():
        print(f"  {outcome:<12}{count:>10}")


def _show_done(options: Options, session: Session, done: Plan) -> None:
    if options.as_json:
        print(json.dumps(_as_json(session, done) | {"dry_run": False}))
    else:
        print(
            f"replay {session.identity}: {done.published} events were published again; "
            "the worker does them in their numbers' turns"
        )


def _as_json(session: Session, plan: Plan) -> dict[str, Any]:
    return {
        "id": session.identity,
        "topic": session.order.topic,
        "mode": session.order.mode,
        "outcomes": dict(plan.outcomes),
        "published": plan.published,
        "clients": len(plan.clients),
    }
