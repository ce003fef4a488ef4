"""The gateway's life: start, serve until told to stop, finish what is under way."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from clients.elevenlabs.batches import ElevenLabsBatches
from clients.elevenlabs.calls import ElevenLabsCalls
from clients.elevenlabs.campaigns import ElevenLabsCampaigns
from clients.http import open_session
from clients.twilio.content import TwilioContent
from clients.twilio.media import TwilioMedia
from clients.vendors import Readers, open_readers
from clients.views import StatsView, WorkerViews
from db.pool import Pool
from process.life import SideTasks, closed, stop_event, unless_stopped
from process.listening import listen
from process.metrics import watch_loop
from process.postgres import open_pool
from schemas.errors import Unavailable
from schemas.public_url import public_url_problem
from schemas.settings import Settings
from web.app import Collaborators, create_app
from web.backfill import Backfill
from web.backfill_calls import CallBackfill
from web.call_gap import CallGap
from web.commands import Commands
from web.connections import BoundedRunner, Limits
from web.database import Database
from web.dead_letters.index import Index
from web.dead_letters.letters import Letters
from web.gap import BehindGap, Gap
from web.health import Health
from web.kafka_link import KafkaLink
from web.media import Media
from web.notifications import CALL_OUTCOME, COMMAND_OUTCOME, SPOOL, Notifications
from web.ops.live import Live
from web.ops.presence import Presence
from web.ops.setup import OpsCollaborators, create_ops
from web.outcomes import CommandOutcomes, Outcomes
from web.publisher import Publisher
from web.spool import Spool, newest_in_spool
from web.start import check, warn
from web.vendors import VendorOutcomes, Vendors
from web.work import Work

log = structlog.get_logger()

# The longest request waits 9 s for its outcome.
_DRAIN_SECONDS = 10.0
# Each view has its own, shorter bound.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_VIEW_CONNECTIONS = 100
# Connections that hang in a frozen Postgres are not waited for.
_CLOSE_SECONDS = 2.0


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Kafka may be away: Postgres keeps its events.

    Raises:
        ConfigurationError: a setting is missing or cannot be right.
        Unavailable: Postgres did not answer in time, or the port stays taken.
    """
    check(settings)
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = stop_event()
    kafka = KafkaLink(settings)
    pool = await unless_stopped(open_pool(settings), stop)
    if pool is None:
        return 0
    try:
        async with (
            open_session(_VIEW_TIMEOUT, _VIEW_CONNECTIONS) as session,
            open_readers(settings) as readers,
        ):
            return await _serve(settings, Outside(pool, kafka, session, readers), stop)
    finally:
        await kafka.close()
        await closed("pool", pool.close(), _CLOSE_SECONDS)
        pool.terminate()


@dataclass(frozen=True, slots=True)
class Outside:
    """Connections, made once."""

    pool: Pool
    kafka: KafkaLink
    session: aiohttp.ClientSession
    readers: Readers


async def _serve(settings: Settings, outside: Outside, stop: asyncio.Event) -> int:
    assert settings.database_url is not None, "checked at the start"
    database, kafka, readers = Database(outside.pool), outside.kafka, outside.readers
    stats, workers = StatsView(settings, outside.session), WorkerViews(settings, outside.session)
    media = Media(database, TwilioMedia(readers.messenger.api))
    done = VendorOutcomes(workers)
    vendors = Vendors(settings, readers.messenger.api, readers.elevenlabs, lambda: done.failing)
    spool, outcomes = Spool(database), Outcomes(database)
    publisher, commands = Publisher(kafka, spool), CommandOutcomes(database)
    probes = {
        "database": _database_probe(database),
        "twilio": vendors.twilio,
        "elevenlabs": vendors.elevenlabs,
    }
    work = Work(database, stats, lambda: done.seen.views)
    health = Health(
        probes, lambda: kafka.state, work.now, public_url_problem(settings), lambda: publisher.needs_postgres
    )
    heard: dict[str, Callable[[str], None]] = {
        CALL_OUTCOME: outcomes.heard,
        COMMAND_OUTCOME: commands.heard,
        SPOOL: spool.heard,
    }
    notifications = Notifications(settings.database_url, heard, spool.listening)
    gap = Gap(settings, database, Backfill(settings, database, publisher, readers.messenger))
    calls = ElevenLabsCalls(readers.elevenlabs)
    lists = ElevenLabsBatches(readers.elevenlabs), ElevenLabsCampaigns(readers.elevenlabs)
    call_backfill = CallBackfill(settings, database, publisher, calls, lists)
    presence = Presence(database)
    live, behind_gap = Live(database, presence), BehindGap(publisher, gap)
    until = partial(newest_in_spool, database)
    letters, templates = (
        Letters(Index(settings, database), kafka, settings.country),
        TwilioContent(readers.messenger.api),
    )
    ops = OpsCollaborators(
        database=database,
        health=health,
        stats=stats,
        workers=workers,
        commands=Commands(
            behind_gap, commands, settings.outcome_wait_seconds, templates, spooled_until=until
        ),
        media=media,
        letters=letters,
        live=live,
        presence=presence,
    )
    app = create_app(
        settings,
        Collaborators(
            publisher=behind_gap,
            outcomes=outcomes,
            commands=commands,
            letters=letters,
            database=database,
            health=health,
            stats=stats,
            media=media,
            templates=templates,
            spooled_until=until,
            ops=create_ops(settings, ops),
        ),
    )
    await asyncio.gather(health.probe(), publisher.begin())
    sides = [
        publisher.work(),
        notifications.listen(),
        outcomes.watch(),
        commands.watch(),
        health.watch(),
        done.watch(),
        work.watch(),
        live.watch(),
        presence.keep(),
        gap.watch(),
        watch_loop(),
        CallGap(settings, database, call_backfill).watch(),
    ]
    return await _until_stopped(app, settings, sides, stop, gap.listening)


async def _until_stopped(
    app: web.Application,
    settings: Settings,
    sides: list[Coroutine[Any, Any, None]],
    stop: asyncio.Event,
    listening: Callable[[], None],
) -> int:
    """Serve. A side task that ends takes the process with it, so that it is restarted and nothing limps."""
    tasks = SideTasks(stop, sides)
    runner = BoundedRunner(app, Limits(most=settings.max_connections), _DRAIN_SECONDS)
    try:
        await runner.setup()
        await unless_stopped(
            listen(runner, settings.bind_host, settings.port, "PORT", settings.start_wait_seconds), stop
        )
        warn(settings)
        listening()
        await tasks.wait()
        log.info("web is stopping")
    finally:
        await runner.cleanup()  # nothing new from here on; requests under way still have their side tasks
        code = await tasks.end()
    return code


def _database_probe(database: Database) -> Any:  # noqa: ANN401 - see web.health.Probe
    async def probe() -> str:
        try:
            return "connected" if await database.is_writable() else "disconnected"
        except Unavailable:
            return "disconnected"

    return probe
