"""The parts of a worker, and how they hang together: everything is made here, nothing connects before."""

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import aiohttp
import faust

from clients.circuit_breaker import CircuitBreaker
from clients.kafka.partitioner import partition_of
from clients.kafka.producer import Producer
from clients.rate_limiter import RateLimiter, allowed_per_second
from clients.vendors import Vendors
from db.pool import Pool
from mailboxes.ports import Limits
from rules.inputs import Input
from rules.policy import Policy
from schemas.phone import conversation_key
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP
from streams.actors.behaviour import Conversations
from streams.actors.clock import DatabaseClock, steady_seconds
from streams.actors.effects.agent import AgentClient
from streams.actors.effects.backend import BackendClient
from streams.actors.effects.call import CallLookup
from streams.actors.effects.delivery import Delivery
from streams.actors.effects.look_ups import LookUps
from streams.actors.effects.performer import Performer
from streams.actors.effects.restored import RestoredSends
from streams.actors.hosting import Hosting
from streams.actors.ids import Ids
from streams.actors.intake import Intake
from streams.actors.letters import Letters
from streams.actors.orphans import OrphanedSends
from streams.actors.ownership import Ownership
from streams.actors.partitions import Partitions
from streams.actors.publisher import Publisher
from streams.actors.reading import InputReader
from streams.actors.rejections import Rejections
from streams.actors.report_watch import ReportWatch
from streams.actors.retention import Retention
from streams.actors.store import ConversationStore
from streams.engine.app import RawSchema, create_app
from streams.engine.intake import attach
from streams.engine.one_loop import OneLoopTransport
from streams.metrics import REDELIVERIES
from streams.worker.standing import Standing

# The bound of a partition's unfinished events: a quarter of a worker's, so that one stuck head cannot fill it.
_WINDOW_SHARE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a worker talks to."""

    settings: Settings
    partitions: int
    pool: Pool
    producer: Producer
    vendors: Vendors
    session: aiohttp.ClientSession
    ids: Ids
    clock: DatabaseClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    app: faust.App
    hosting: Hosting
    partitions: Partitions
    publisher: Publisher
    intake: Intake
    ownership: Ownership
    retention: Retention
    breakers: tuple[CircuitBreaker, ...]
    standing: Standing


def build_worker(outside: Outside) -> Worker:
    """Return a worker that is not started yet."""
    settings, pool = outside.settings, outside.pool
    policy = Policy.of(settings)
    breakers = CircuitBreaker("twilio"), CircuitBreaker("elevenlabs")
    standing = Standing.begun(outside.clock.now)
    ownership = Ownership(
        pool, f"{socket.gethostname()}:{os.getpid()}", partial(partition_of, partitions=outside.partitions), steady_seconds
    )
    publisher = Publisher(pool, outside.producer, lambda: ownership.epochs)
    letters = Letters(outside.producer)
    rejections = Rejections(letters)
    store = ConversationStore(
        pool, policy, publisher, ownership.proved, steady_seconds, rejections.came_through
    )
    behaviour = Conversations(
        policy,
        outside.ids.fresh(),
        seen=store.was_seen,
        calls_read_until=lambda: joined.calls_read_until,
        now=outside.clock.seconds,
        repeated=REDELIVERIES.inc,
    )
    hosting = Hosting(
        behaviour,
        store,
        _performer(outside, policy, ownership, breakers, standing),
        pool,
        ownership,
        limits=_limits(settings),
        clock=outside.clock.seconds,
        rejections=rejections,
        tell_status=OrphanedSends(settings, outside.producer).tell,
    )
    app = create_app(
        WORKER_GROUP, settings, Path(gettempdir()) / f"whatsapp-worker-{os.getpid()}", OneLoopTransport
    )
    joined = app.engine = Partitions(
        app, settings.topic_prefix, hosting, ownership, publisher, outside.ids, outside.clock
    )
    reports = ReportWatch(standing.sender, outside.clock.now)
    reader = InputReader(pool, policy, joined.until_calls_read, hosting.sends_of, reports.read)
    sender = conversation_key(settings.twilio_whatsapp_from)
    intake = Intake(outside.partitions, hosting, reader, outside.producer, letters, joined.handed_over, sender)
    attach(app, intake.topics, settings.topic_prefix, RawSchema(), intake)
    return Worker(
        app=app,
        hosting=hosting,
        partitions=joined,
        publisher=publisher,
        intake=intake,
        ownership=ownership,
        retention=_retention(outside, hosting, ownership),
        breakers=breakers,
        standing=standing,
    )


def _retention(outside: Outside, hosting: Hosting, ownership: Ownership) -> Retention:
    async def tell(key: str, given: Input) -> None:
        await hosting.tell(partition_of(key, outside.partitions), key, given)

    return Retention(
        outside.settings, outside.pool, tell, lambda: ownership.partitions, lambda: hosting.generation
    )


def _performer(
    outside: Outside,
    policy: Policy,
    ownership: Ownership,
    breakers: tuple[CircuitBreaker, CircuitBreaker],
    standing: Standing,
) -> Performer:
    settings, pool, vendors = outside.settings, outside.pool, outside.vendors
    # While partitions move a process keeps the least share, so that a limiter of nothing stops nobody.
    share = lambda: max(1, len(ownership.partitions)) / outside.partitions  # noqa: E731
    patience = timedelta(seconds=settings.twilio_unknown_patience_seconds)
    look_ups = LookUps(pool, vendors.messenger, breakers[0], patience=patience, now=outside.clock.now)
    delivery = Delivery(
        vendors.messenger,
        breakers[0],
        RateLimiter(allowed_per_second(settings), share),
        standing.sender,
        confirm=ownership.confirm,
        now=outside.clock.now,
        find_restored=RestoredSends(pool, vendors.messenger, lambda: ownership.epochs).find,
    )
    calls = CallLookup(vendors.calls, breakers[1])
    agent = AgentClient(
        pool,
        policy,
        vendors,
        breakers[1],
        standing.agents,
        calls,
        confirm=ownership.confirm,
        take_slot=delivery.take_slot,
        now=outside.clock.now,
    )
    backend = BackendClient(settings, pool, outside.session)
    return Performer(
        pool=pool,
        policy=policy,
        agent=agent,
        calls=calls,
        delivery=delivery,
        look_ups=look_ups,
        backend=backend,
        gates=(*breakers, *standing.gates),
    )


def _limits(settings: Settings) -> Limits:
    most = settings.max_in_flight
    return Limits(work=2 * most, partition=max(1, most // _WINDOW_SHARE), source=most)
