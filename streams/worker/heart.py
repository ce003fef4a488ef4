"""The product's own parts of a worker, and how they fit together: everything but Faust.

What they talk to, time and chance are arguments: `run.py` passes real ones, `tests/universe` simulated ones.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import aiohttp

from clients.circuit_breaker import CircuitBreaker
from clients.kafka.producer import Producer, partition_of
from clients.rate_limiter import RateLimiter, allowed_per_second
from clients.sender_standing import Standing
from clients.twilio.api import SLOW_SECONDS
from clients.vendors import Vendors
from db.pool import Pool
from mailboxes.ports import Limits
from rules.inputs import Input
from rules.policy import Policy
from schemas.phone import conversation_key
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE
from streams.actors.ahead import FAR_BEHIND, Ahead
from streams.actors.behaviour import Conversations
from streams.actors.clock import DatabaseClock, steady_seconds
from streams.actors.effects.agent import AgentClient
from streams.actors.effects.backend import BackendClient
from streams.actors.effects.call import CallLookup
from streams.actors.effects.delivery import Delivery
from streams.actors.effects.letters import LetterClient
from streams.actors.effects.look_ups import LookUps
from streams.actors.effects.performer import Performer
from streams.actors.effects.restored import RestoredSends
from streams.actors.hosting import Hosting
from streams.actors.ids import Ids
from streams.actors.intake import Intake
from streams.actors.judge import WAITS
from streams.actors.letters import Letters
from streams.actors.log_tail import Newest, check_log
from streams.actors.ownership import OrphanedSends, Ownership
from streams.actors.partitions import Consumer, Partitions
from streams.actors.publisher import Publisher
from streams.actors.reading import InputReader
from streams.actors.rejections import Rejections
from streams.actors.reports import ReportWatch
from streams.actors.retention import Retention
from streams.actors.store import ConversationStore
from streams.actors.turns import Turns
from streams.engine.following import Follow
from streams.engine.membership import Membership
from streams.metrics import REDELIVERIES

# The share of a worker's unfinished events that a partition may have behind one that is being retried:
# this leaves the other partitions room, and at a hundred turns a second a minute of retries is over
# before it is full.
_WINDOW_SHARE = 0.75


async def _nothing(partitions: Collection[int]) -> list[bytes]:
    return []


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
    #: The worker's name in the table of partitions.
    owner: str
    #: Seconds that go on while the machine sleeps.
    steady: Callable[[], float] = steady_seconds
    #: Seconds that may stand still while it does.
    monotonic: Callable[[], float] = time.monotonic
    membership: Membership = field(default_factory=lambda: Membership(steady_seconds))
    #: Seconds between tries of what fails for no reason that is known.
    retry_waits: tuple[float, ...] = WAITS
    #: Reads clients' messages ahead of Faust.
    follow: Follow
    #: Reads the end of `conversation-event`.
    newest: Newest = _nothing
    #: How many of these wait when those who write now go ahead.
    far_behind: int = FAR_BEHIND
    #: Chance.
    new_id: Callable[[], UUID] = uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class Heart:
    hosting: Hosting
    partitions: Partitions
    publisher: Publisher
    intake: Intake
    ahead: Ahead
    ownership: Ownership
    retention: Retention
    breakers: tuple[CircuitBreaker, ...]
    standing: Standing


def build_heart(outside: Outside, policy: Policy, consumer: Callable[[], Consumer]) -> Heart:
    """Return a heart that is not beating yet."""
    settings, pool = outside.settings, outside.pool
    breakers = (
        CircuitBreaker("twilio", slow_after_seconds=SLOW_SECONDS, clock=outside.monotonic),
        CircuitBreaker("elevenlabs", clock=outside.monotonic),
    )
    standing = Standing.begun(outside.clock.now)
    place = partial(partition_of, partitions=outside.partitions)
    ownership = Ownership(pool, outside.owner, place, outside.steady, outside.membership)
    publisher = Publisher(pool, outside.producer, lambda: ownership.epochs, outside.monotonic)
    letters = Letters(outside.producer, outside.clock.now)
    rejections = Rejections(letters, outside.retry_waits)
    store = ConversationStore(
        pool, policy, publisher, ownership.proved, outside.steady, rejections.came_through
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
        _performer(outside, policy, ownership, breakers, standing, lambda: hosting),
        pool,
        ownership,
        limits=_limits(settings),
        clock=outside.clock.seconds,
        monotonic=outside.monotonic,
        new_id=lambda: outside.new_id().hex,
        rejections=rejections,
        tell_status=OrphanedSends(settings, outside.producer, outside.clock.now).tell,
    )
    joined = Partitions(
        consumer,
        settings.topic_prefix,
        hosting,
        ownership,
        publisher,
        outside.ids,
        outside.clock,
        outside.monotonic,
        partial(check_log, pool, outside.newest),
    )
    reports = ReportWatch(standing.sender, outside.clock.now, hosting.addresses_of)

    async def until_messages_read(keys: Collection[str]) -> None:
        await joined.until_messages_read({partition_of(key, outside.partitions) for key in keys})

    reader = InputReader(
        pool, policy, joined.until_calls_read, hosting.sends_of, reports.read, until_messages_read
    )
    sender = conversation_key(settings.twilio_whatsapp_from)
    turns = Turns()
    ahead = Ahead(
        hosting,
        reader.messages,
        outside.follow,
        turns,
        positions=lambda: joined.positions_of(INBOUND_MESSAGE),
        unread=lambda: joined.unread(INBOUND_MESSAGE),
        assigned_at=lambda: joined.assigned_at,
        partition_of=place,
        now=outside.clock.now,
        sender=sender,
        far_behind=outside.far_behind,
    )
    return Heart(
        hosting=hosting,
        partitions=joined,
        publisher=publisher,
        intake=Intake(
            outside.partitions,
            hosting,
            reader,
            outside.producer,
            letters,
            joined.handed_over,
            outside.clock.now,
            turns,
            sender,
            settings.country,
        ),
        ahead=ahead,
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
    hosting: Callable[[], Hosting],
) -> Performer:
    settings, pool, vendors = outside.settings, outside.pool, outside.vendors
    # While partitions move, a process keeps the smallest share: a limiter with no share at all would block.
    share = lambda: max(1, len(ownership.partitions)) / outside.partitions  # noqa: E731
    patience = timedelta(seconds=settings.twilio_unknown_patience_seconds)

    def addresses_of(key: str) -> frozenset[str]:
        return hosting().addresses_of(key)

    look_ups = LookUps(
        pool,
        vendors.messenger,
        breakers[0],
        patience=patience,
        now=outside.clock.now,
        addresses_of=addresses_of,
    )
    delivery = Delivery(
        vendors.messenger,
        breakers[0],
        RateLimiter(allowed_per_second(settings), share),
        standing.sender,
        epoch_of=ownership.epoch_of,
        confirm=ownership.confirm,
        may_leave=ownership.may_leave,
        now=outside.clock.now,
        find_restored=RestoredSends(pool, vendors.messenger, lambda: ownership.epochs, addresses_of).find,
        addresses_of=addresses_of,
        may_go=lambda key, own_id: hosting().may_go(key, own_id),
    )
    calls = CallLookup(vendors.calls, breakers[1])
    agent = AgentClient(
        pool,
        policy,
        vendors,
        breakers[1],
        standing.agents,
        calls,
        until_member=outside.membership.until_sure,
        confirm=ownership.confirm_member,
        take_slot=delivery.take_slot,
        now=outside.clock.now,
        monotonic=outside.monotonic,
    )
    backend = BackendClient(settings, pool, outside.session, outside.clock.seconds)
    return Performer(
        pool=pool,
        policy=policy,
        agent=agent,
        calls=calls,
        delivery=delivery,
        look_ups=look_ups,
        backend=backend,
        letters=LetterClient(outside.producer),
        gates=(*breakers, *standing.gates),
    )


def _limits(settings: Settings) -> Limits:
    most = settings.max_in_flight
    return Limits(work=2 * most, partition=max(1, int(most * _WINDOW_SHARE)), source=most)
