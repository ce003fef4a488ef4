"""The gateway's life: start, serve until told to stop, finish what is under way."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from db.pool import Pool
from db.start import open_pool
from schemas.errors import Unavailable
from schemas.settings import Settings
from web.app import Collaborators, create_app
from web.backfill import Backfill
from web.backfill_calls import CallBackfill
from web.call_gap import CallGap
from web.command_outcomes import CommandOutcomes
from web.commands import Commands
from web.database import Database
from web.dead_letters.index import Index
from web.dead_letters.letters import Letters
from web.elevenlabs_list import ElevenLabsList
from web.gap import BehindGap, Gap
from web.health import Health
from web.kafka_link import KafkaLink
from web.notifications import CALL_OUTCOME, COMMAND_OUTCOME, SPOOL, Notifications
from web.ops.live import Live
from web.ops.presence import Presence
from web.ops.setup import OpsCollaborators, create_ops
from web.outcomes import Outcomes
from web.publisher import Publisher
from web.spool import Spool
from web.start import check
from web.twilio_list import TwilioList
from web.vendor_outcomes import VendorOutcomes
from web.vendors import Vendors
from web.work import Work

log = structlog.get_logger()

# The longest request waits 9 s for its outcome.
_DRAIN_SECONDS = 10.0
_PORT_LOOK_SECONDS = 1.0
# Connections that hang in a frozen Postgres are not waited for.
_CLOSE_SECONDS = 2.0


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or cannot be right.
        Unavailable: Postgres did not answer in time, or the port stays taken. Kafka may be away: events are kept in
            Postgres.
    """
    check(settings)
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kafka = KafkaLink(settings)
    pool = await _unless_stopped(open_pool(settings), stop)
    if pool is None:
        return 0
    try:
        async with aiohttp.ClientSession() as session:
            return await _serve(settings, pool, kafka, session, stop)
    finally:
        await kafka.close()
        await _close(pool)


async def _unless_stopped(opening: Coroutine[Any, Any, Pool], stop: asyncio.Event) -> "Pool | None":
    task, stopping = asyncio.create_task(opening), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None


async def _serve(
    settings: Settings, pool: Pool, kafka: KafkaLink, session: aiohttp.ClientSession, stop: asyncio.Event
) -> int:
    assert settings.database_url is not None, "checked at the start"
    database = Database(pool)
    done = VendorOutcomes(settings, session)
    spool, outcomes, vendors = Spool(database), Outcomes(database), Vendors(settings, session, lambda: done.failing)
    publisher, commands = Publisher(kafka, spool), CommandOutcomes(database)
    probes = {"database": _database_probe(database), "twilio": vendors.twilio, "elevenlabs": vendors.elevenlabs}
    work = Work(settings, database, session)
    health = Health(probes, lambda: kafka.state, lambda: work.found)
    heard: dict[str, Callable[[str], None]] = {
        CALL_OUTCOME: outcomes.heard,
        COMMAND_OUTCOME: commands.heard,
        SPOOL: spool.heard,
    }
    notifications = Notifications(settings.database_url, heard, spool.listening)
    gap = Gap(settings, database, Backfill(settings, database, publisher, TwilioList(settings, session)))
    calls = CallBackfill(settings, database, publisher, ElevenLabsList(settings, session))
    presence = Presence(database)
    live, behind_gap = Live(database, presence), BehindGap(publisher, gap)
    submitting = Commands(behind_gap, commands, settings.outcome_wait_seconds)
    letters = Letters(Index(settings, database), kafka)
    ops = OpsCollaborators(
        database=database, health=health, http=session, commands=submitting, letters=letters, live=live,
        presence=presence,
    )  # fmt: skip
    outside = Collaborators(
        publisher=behind_gap,
        outcomes=outcomes,
        commands=commands,
        letters=letters,
        database=database,
        health=health,
        session=session,
        ops=create_ops(settings, ops),
    )
    await asyncio.gather(health.probe(), kafka.keep())
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
        CallGap(settings, database, calls).watch(),
    ]
    return await _until_stopped(create_app(settings, outside), settings, sides, stop, gap.listening)


async def _until_stopped(
    app: web.Application,
    settings: Settings,
    sides: list[Coroutine[Any, Any, None]],
    stop: asyncio.Event,
    listening: Callable[[], None],
) -> int:
    """Serve; a side task that ends takes the process with it, so that it is started anew and nothing limps."""
    tasks = [asyncio.create_task(side) for side in sides]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_SECONDS)
    try:
        await runner.setup()
        await _listen(runner, settings, stop)
        listening()
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        log.info("web is stopping")
    finally:
        await runner.cleanup()  # nothing new from here on; requests under way still have their side tasks
        stopped = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            log.error("a side task of web failed", exc_info=error)
    return 1 if stopped else 0


async def _listen(runner: web.AppRunner, settings: Settings, stop: asyncio.Event) -> None:
    """Listen; a port that is taken may be a predecessor's who is finishing his work."""
    port, until = settings.port, asyncio.get_running_loop().time() + settings.start_wait_seconds
    while not stop.is_set():
        try:
            await web.TCPSite(runner, port=port).start()
            log.info("web is listening", port=port)
            return
        except OSError as error:
            if asyncio.get_running_loop().time() > until:
                raise Unavailable(f"PORT: {port} cannot be listened on ({error.strerror})") from error
        log.warning("port is taken, trying again", variable="PORT", port=port)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PORT_LOOK_SECONDS)


def _database_probe(database: Database) -> Any:  # noqa: ANN401 - see web.health.Probe
    async def probe() -> str:
        try:
            await database.quick_value("SELECT 1")
        except Unavailable:
            return "disconnected"
        return "connected"

    return probe


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()
