"""The worker's composition root and life: everything is made here, nothing connects before."""

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import structlog
from aiohttp import web

from db.pool import create_pool
from schemas.settings import Settings, require
from streams.engine.app import DRAIN_CAP_SECONDS, RawSchema, create_app
from streams.engine.intake import attach
from streams.engine.mailbox import Mailboxes
from streams.engine.topics import check_copartitioning
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.turns.runner import Runner
from streams.vendors import build_vendors
from streams.worker.engine import WorkerEngine
from streams.worker.handler import Handler
from streams.worker.outbox import Outbox
from streams.worker.parked import Parked
from streams.worker.producer import Producer
from streams.worker.reports import Reports
from streams.worker.take import TOPICS, Take
from streams.worker.views import Views

log = structlog.get_logger()

GROUP = "whatsapp-worker"
_REQUIRED = ("database_url", "kafka_bootstrap_servers", "twilio_account_sid", "twilio_auth_token", "elevenlabs_api_key")
# The bound of a partition's unfinished events: a quarter of a worker's, so that one stuck head cannot fill it.
_WINDOW_SHARE = 4
# Over the drain cap: what must still be published and committed after it.
_STOP_SECONDS = DRAIN_CAP_SECONDS + 4.0


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
    """
    require(settings, *_REQUIRED)
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    partitions = min((await check_copartitioning(settings)).values())
    pool = await create_pool(settings)
    producer = Producer(settings)
    await producer.start()
    vendors = build_vendors(settings)
    ownership = Ownership(pool, f"{socket.gethostname()}:{os.getpid()}")
    journal = Journal(pool, Steps(pool), ownership)
    runner = Runner(settings, journal, vendors)
    app = create_app(GROUP, settings, Path(gettempdir()) / f"whatsapp-worker-{os.getpid()}")
    mailboxes = Mailboxes(
        lambda batch: handler(batch),
        lambda event: event.ack(),
        most_per_topic=settings.max_in_flight,
        largest_window=max(1, settings.max_in_flight // _WINDOW_SHARE),
    )
    engine = app.engine = WorkerEngine(app, settings.topic_prefix, mailboxes, ownership)
    handler = Handler(journal, runner, Outbox(pool, producer), engine)
    take = Take(partitions, mailboxes, engine, producer, Reports(journal))
    attach(app, TOPICS, settings.topic_prefix, RawSchema(), take)
    views = web.AppRunner(Views(app, mailboxes, engine, ownership).application(), access_log=None)
    await views.setup()
    await web.TCPSite(views, port=settings.worker_port).start()
    try:
        return await _until_stopped(app, Parked(settings, pool, ownership, journal, runner).watch())
    finally:
        await views.cleanup()
        await vendors.close()
        await producer.stop()
        await pool.close()


async def _until_stopped(app: Any, side_task: Coroutine[Any, Any, None]) -> int:  # noqa: ANN401 - faust is untyped
    """Run the app until a signal; a dead side task or a crashed app stops the process, for a supervisor to restart."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app.finalize()
    await app.start()
    log.info("worker started")
    waiting = {
        asyncio.create_task(stop.wait(), name="signal"),
        asyncio.create_task(side_task, name="parked messages"),
        asyncio.create_task(app.wait_until_stopped(), name="faust"),
    }
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    asked = stop.is_set()
    for task in waiting:
        task.cancel()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("worker fails", exc_info=result)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await app.stop()
    except TimeoutError:
        log.warning("worker did not stop in time; what is unacknowledged is done by the next owner")
    return 0 if asked else 1
