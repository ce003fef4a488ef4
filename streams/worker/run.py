"""The worker's life: it waits for what it needs, works until a signal, and gives back what it holds."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import aiohttp
import faust
import structlog

from clients.kafka.partitions import newest_values
from clients.kafka.producer import Producer, partition_of
from clients.kafka.topics import broker_answers
from clients.vendors import build_vendors
from db.pool import Pool
from db.store.load import clock as database_clock
from db.store.placement import know_partitions, known_partitions, place_actors
from db.store.session import SESSION
from process.kafka import check_known, partition_count, watch_partitions, when_kafka_answers
from process.life import closed, until_stopped
from process.listening import serve
from process.metrics import watch_loop
from process.periodic import every
from process.postgres import open_pool, postgres_answers
from rules.configuration import check_rules
from rules.message_text import to_whatsapp
from rules.policy import Policy
from schemas.rights import WORKER
from schemas.settings import Settings, require
from schemas.topics import CONVERSATION_EVENT, INBOUND_MESSAGE, WORKER_GROUP
from streams.actors.clock import DatabaseClock, steady_seconds
from streams.actors.ids import Ids
from streams.actors.judge import WAITS
from streams.engine.app import DRAIN_CAP_SECONDS, RawSchema, create_app
from streams.engine.following import follow
from streams.engine.intake import attach
from streams.engine.membership import SESSION_TIMEOUT_SECONDS, Membership
from streams.engine.transports import OneLoopTransport
from streams.worker.heart import Heart, Outside, build_heart
from streams.worker.progress import Progress
from streams.worker.views import Views

log = structlog.get_logger()

_REQUIRED = (
    "database_url",
    "kafka_bootstrap_servers",
    "twilio_account_sid",
    "twilio_auth_token",
    "elevenlabs_api_key",
)
# Postgres' clock and the machine's drift apart by milliseconds a minute.
_CLOCK_EVERY_SECONDS = 60.0
# Events of each partition that are looked for in Postgres at a claim: the very last may be of who was erased.
_LOG_TAIL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Heart):
    app: faust.App


def build_worker(outside: Outside) -> Worker:
    """Return a worker that has not started yet."""
    settings = outside.settings
    app = create_app(
        WORKER_GROUP, settings, Path(gettempdir()) / f"whatsapp-worker-{os.getpid()}", OneLoopTransport
    )
    heart = build_heart(outside, Policy.of(settings), lambda: app.consumer)
    app.engine, app.membership = heart.partitions, outside.membership
    attach(app, heart.intake.topics, settings.topic_prefix, RawSchema(), heart.intake)
    return Worker(app=app, **{each.name: getattr(heart, each.name) for each in fields(Heart)})


def run(settings: Settings, retry_waits: tuple[float, ...] = WAITS) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. `retry_waits`: see `Outside`.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
        Unavailable: Kafka, its topics, Postgres, its schema or the port did not become available in time.
    """
    require(settings, *_REQUIRED)
    check_rules(settings)
    return asyncio.run(_run(settings, retry_waits))


async def _run(settings: Settings, retry_waits: tuple[float, ...]) -> int:
    async with AsyncExitStack() as parts:
        outside = await _outside(settings, parts, retry_waits)
        return await _serve(outside, build_worker(outside))


async def _outside(settings: Settings, parts: AsyncExitStack, retry_waits: tuple[float, ...]) -> Outside:
    """Connect to everything; `parts` closes each again within its bound, even if the start is broken off."""
    partitions = await partition_count(settings, WORKER)
    pool = await open_pool(settings, SESSION)
    parts.callback(pool.terminate)
    parts.push_async_callback(lambda: closed("pool", pool.close()))
    producer = Producer(settings)
    await when_kafka_answers(settings, producer.start)
    parts.push_async_callback(lambda: closed("producer", producer.stop()))
    await _place(settings, pool, partitions)
    clock = DatabaseClock()
    await clock.set(lambda: database_clock(pool))
    ids = await Ids.reserve(pool)
    vendors = build_vendors(settings, to_whatsapp)
    parts.push_async_callback(lambda: closed("vendors", vendors.close()))
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    parts.push_async_callback(lambda: closed("backend", session.close()))
    return Outside(
        settings=settings,
        partitions=partitions,
        pool=pool,
        producer=producer,
        vendors=vendors,
        session=session,
        ids=ids,
        clock=clock,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        membership=Membership(steady_seconds, SESSION_TIMEOUT_SECONDS),
        retry_waits=retry_waits,
        follow=follow(settings, INBOUND_MESSAGE),
        newest=lambda partitions: newest_values(settings, CONVERSATION_EVENT, partitions, _LOG_TAIL),
    )


async def _place(settings: Settings, pool: Pool, partitions: int) -> None:
    """Put conversations in the partitions where their numbers now belong.

    Raises:
        ConfigurationError: see `check_known`.
    """
    await check_known(settings, await known_partitions(pool), partitions)
    await know_partitions(pool, partitions)
    if moved := await place_actors(pool, lambda key: partition_of(key, partitions)):
        log.warning("the topics' number of partitions has changed, conversations were moved", moved=moved)


async def _serve(outside: Outside, worker: Worker) -> int:
    settings, folder = outside.settings, Path(gettempdir())
    progress = Progress(
        [worker.partitions, worker.hosting, worker.publisher, *worker.breakers, *worker.standing.gates],
        worker.hosting.is_at_work,
    )
    views = Views(
        worker.app,
        worker.hosting,
        worker.partitions,
        worker.publisher,
        worker.ownership,
        progress,
        worker.breakers,
        worker.standing,
        folder,
    )
    server = await serve(
        views.application(),
        settings.bind_host,
        settings.worker_port,
        "WORKER_PORT",
        settings.start_wait_seconds,
    )
    try:
        return await until_stopped(
            worker.app,
            worker.intake.work(),
            worker.ahead.work(),
            worker.publisher.work(),
            outside.ids.work(),
            worker.hosting.watch_due(),
            worker.hosting.watch_fencing(),
            worker.retention.work(),
            worker.partitions.watch_calls(),
            worker.partitions.watch_log(),
            watch_partitions(settings, outside.partitions),
            every(_CLOCK_EVERY_SECONDS, lambda: outside.clock.set(lambda: database_clock(outside.pool))),
            progress.watch(
                worker.partitions.behind,
                partial(broker_answers, settings),
                partial(postgres_answers, settings),
            ),
            watch_loop(),
            drain_seconds=DRAIN_CAP_SECONDS,
        )
    finally:
        await closed("ownership", worker.ownership.give_back())
        await closed("views", server.cleanup())
