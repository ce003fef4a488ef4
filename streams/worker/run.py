"""The worker's composition root and life: everything is made here, nothing connects before."""

import asyncio
import os
import socket
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from db.pool import BY_INDEX
from db.start import open_pool
from schemas.settings import Settings, require
from streams.conversation.configuration import check_rules
from streams.conversation.keywords import Keywords
from streams.engine.app import RawSchema, create_app
from streams.engine.intake import attach
from streams.engine.life import closed, until_stopped
from streams.engine.mailbox import Mailboxes
from streams.engine.one_loop import OneLoopTransport
from streams.engine.start import partition_count, serve, when_kafka_answers
from streams.engine.topics import broker_answers
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.metrics import watch_loop
from streams.turns.runner import Runner
from streams.vendors import build_vendors
from streams.worker.backend_posts import BackendPosts
from streams.worker.bursts import Bursts
from streams.worker.engine import WorkerEngine
from streams.worker.handler import Handler
from streams.worker.lookups import Lookups
from streams.worker.outbox import Outbox
from streams.worker.producer import Producer
from streams.worker.progress import Progress
from streams.worker.purge import Purge
from streams.worker.reminders import Reminders
from streams.worker.reports import Reports
from streams.worker.silences import Silences
from streams.worker.stops import Stops
from streams.worker.strangers import Strangers
from streams.worker.take import TOPICS, Take
from streams.worker.traces import Traced
from streams.worker.views import Views

GROUP = "whatsapp-worker"
_REQUIRED = ("database_url", "kafka_bootstrap_servers", "twilio_account_sid", "twilio_auth_token", "elevenlabs_api_key")
# The bound of a partition's unfinished events: a quarter of a worker's, so that one stuck head cannot fill it.
_WINDOW_SHARE = 4


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
        Unavailable: Kafka, its topics, Postgres, its schema or the port was not to be had in time.
    """
    require(settings, *_REQUIRED)
    check_rules(settings)
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    partitions = await partition_count(settings)
    pool = await open_pool(settings, BY_INDEX)
    producer = Producer(settings)
    await when_kafka_answers(settings, producer.start)
    vendors = build_vendors(settings)
    ownership = Ownership(pool, f"{socket.gethostname()}:{os.getpid()}")
    steps = Steps(pool)
    journal = Journal(pool, steps, ownership)
    # While partitions move a process keeps the least share, so that a limiter of nothing stops nobody.
    runner = Runner(settings, journal, vendors, lambda: max(1, len(ownership.partitions)) / partitions)
    folder = Path(gettempdir())
    app = create_app(GROUP, settings, folder / f"whatsapp-worker-{os.getpid()}", OneLoopTransport)
    mailboxes = Mailboxes(
        lambda batch: handler(batch),
        lambda event: event.ack(),
        most_per_topic=settings.max_in_flight,
        largest_window=max(1, settings.max_in_flight // _WINDOW_SHARE),
    )
    bursts = Bursts(settings)
    engine = app.engine = WorkerEngine(app, settings.topic_prefix, mailboxes, ownership, (*runner.pauses, bursts))
    outbox = Outbox(pool, producer)
    handler = Traced(Handler(settings, journal, runner, outbox, engine, Strangers(settings, pool, journal), bursts))
    take = Take(partitions, mailboxes, engine, producer, Reports(journal), Stops(journal, Keywords.of(settings)))
    attach(app, TOPICS, settings.topic_prefix, RawSchema(), take)
    progress = Progress([engine, mailboxes, steps, outbox, *runner.pauses])
    views = Views(app, mailboxes, engine, ownership, progress, runner.pauses, folder).application()
    server = await serve(views, settings.worker_port, "WORKER_PORT", settings)
    try:
        reminders = Reminders(settings, pool, ownership, mailboxes)
        posts, silences = BackendPosts(settings, pool, ownership), Silences(settings, pool)
        lookups = Lookups(pool, ownership, vendors.calls)
        return await until_stopped(
            app,
            posts.work(),
            lookups.work(),
            Purge(settings, pool).work(),
            silences.watch(),
            reminders.watch(),
            outbox.sweep(lambda: ownership.partitions),
            engine.watch_fencing(),
            progress.watch(engine.behind, partial(broker_answers, settings)),
            watch_loop(),
        )
    finally:
        await closed("views", server.cleanup())
        await closed("vendors", vendors.close())
        await closed("producer", producer.stop())
        await closed("pool", pool.close())
        pool.terminate()
