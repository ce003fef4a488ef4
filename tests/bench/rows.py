"""The rows of the bench: each a load in a ready world, played several times. A run yields figures."""

import asyncio
import time
from collections.abc import Sequence

import aiohttp
import asyncpg

from schemas.documents import now
from schemas.events import InboundMessage
from tests.bench.ledger import Message
from tests.bench.pages import OPEN_PAGES_ROW, PAGES_ROW
from tests.bench.rebuild import rebuilt
from tests.bench.row import Play, Row
from tests.bench.setup import have_conversations, quiet
from tests.bench.stats_rows import STATS_ROWS
from tests.bench.stores import stores
from tests.bench.websocket import Sockets
from tests.bench.window import Figures, answered_in, figures, measured, three
from tests.bench.world import World
from tests.chaos import topics
from tests.chaos.calls import body_of

_WARM_UP_SECONDS = 5.0
_SETTLE_SECONDS = 120.0
_CONVERSATIONS = 2000
_CLOSED_LOOP_CLIENTS = 400
# Below the 25 s within which an agent must answer, and long enough for all questions to be asked meanwhile.
_SLOW_AGENT_SECONDS = 24.0
# Those who write while a backlog is worked off: too few to slow it, enough for a 99th percentile.
_LIVE_CLIENTS, _LIVE_A_SECOND = 1000, 5.0
_DRAIN_SECONDS = 600.0
_MS = 1000.0


def _at_rate(per_second: float) -> Play:
    async def play(world: World, seconds: float) -> Figures:
        world.clients.use(await have_conversations(world, _CONVERSATIONS))
        await quiet(world)
        await world.clients.poisson(per_second, _WARM_UP_SECONDS)
        window = await measured(world, world.clients.poisson(per_second, seconds))
        await world.clients.settle(_SETTLE_SECONDS)
        written = [m for m in world.ledger.written if window.begun <= m.begun < window.ended]
        return figures(world, window, written) | {"starved": world.clients.starved}

    return play


def _over_websocket(per_second: float) -> Play:
    """Use the transport of a workspace whose agents have no REST route, which is what `auto` finds."""

    async def play(world: World, seconds: float) -> Figures:
        await have_conversations(world, _CONVERSATIONS)
        async with Sockets(world.elevenlabs).serving() as base:
            await world.stop_worker()
            await world.start_worker(ELEVENLABS_TRANSPORT="websocket", ELEVENLABS_API_BASE_URL=base)
            found = await _at_rate(per_second)(world, seconds)
            await world.stop_worker()
        await world.start_worker()
        return found

    return play


async def _saturated(world: World, seconds: float) -> Figures:
    """Saturate the service. The statistics may lag behind; their cost counts until they have caught up."""
    world.clients.use(await have_conversations(world, _CONVERSATIONS))
    await quiet(world)
    load = asyncio.create_task(world.clients.closed_loop(_CLOSED_LOOP_CLIENTS, _WARM_UP_SECONDS + seconds))
    await asyncio.sleep(_WARM_UP_SECONDS)
    before = await stores(world)
    window = await measured(world, load)
    found = figures(world, window, answered_in(world, window))
    found |= (await stores(world)).per_turn(before, found["turns"])
    await world.clients.settle(_SETTLE_SECONDS)
    return found | {"catch_up_seconds": await quiet(world)}


async def _burst(world: World, seconds: float) -> Figures:
    """Have several hundred people write at the same moment, again and again."""
    size = 500
    world.clients.use(await have_conversations(world, _CONVERSATIONS))
    await quiet(world)
    begun = time.monotonic()

    async def load() -> None:
        while time.monotonic() < begun + seconds:
            world.clients.burst(size)
            await world.clients.settle(_SETTLE_SECONDS)

    window = await measured(world, load())
    return figures(world, window, answered_in(world, window)) | {"burst": size}


async def _calls(world: World, seconds: float) -> Figures:
    """Post calls of new numbers as the backend, fifty at once."""
    at_once, rounds = 50, 6
    begun = len(world.ledger.numbers)
    fresh = [f"+57310{number:07d}" for number in range(begun, begun + at_once * rounds)]
    world.ledger.numbers += fresh
    overheads: list[float] = []
    headers = {"X-Service-Token": world.account.service_token}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        world.products["web"].url, headers=headers, connector=connector
    ) as session:

        async def post(number: str) -> None:
            started = time.monotonic()
            async with session.post("/api/call-completed", json=body_of(number)) as response:
                assert response.status == 200, await response.text()
            overheads.append(time.monotonic() - started - world.ledger.call_seconds[number])

        async def load() -> None:
            for place in range(0, len(fresh), at_once):
                await asyncio.gather(*(post(number) for number in fresh[place : place + at_once]))

        window = await measured(world, load())
    await world.twilio.settle()
    found = figures(world, window, [], turns=len(overheads))
    return found | {f"call_{key}_ms": value * _MS for key, value in three(overheads).items()}


def _waiting(count: int) -> Play:
    """Have clients wait for a slow agent at once; their messages are there when the worker starts."""

    async def play(world: World, seconds: float) -> Figures:
        numbers = await have_conversations(world, max(count, _CONVERSATIONS))
        await quiet(world)
        await world.stop_worker()
        await _pile_up(world, [world.clients.message(number) for number in numbers[:count]])
        world.clients.use([])
        latency = world.elevenlabs.latency
        former = latency.mean, latency.spread
        latency.mean, latency.spread = _SLOW_AGENT_SECONDS, 0.0
        try:
            await world.start_worker(MAX_IN_FLIGHT=str(count + 1000))
            window = await measured(world, _until_asked(world, count))
            most = world.ledger.asking
        finally:
            latency.mean, latency.spread = former
        await world.clients.settle(_SETTLE_SECONDS)
        return figures(world, window, [], turns=count) | {"waiting": most}

    return play


async def _pile_up(world: World, messages: Sequence[Message]) -> None:
    """Put messages directly into the topic, as web would have."""
    records = []
    for message in messages:
        event = InboundMessage(event_id=message.sid, received_at=now(), params=world.clients.params(message))
        records.append(topics.Record(topics.MESSAGES, event.to_json(), message.number.encode()))
        message.acked = message.begun
    await topics.produce(world.kafka.bootstrap_servers, records)


async def _until_asked(world: World, count: int) -> None:
    """Wait until this many are asked at once, or until the first are answered: there will be no more then."""
    async with asyncio.timeout(60):
        while world.ledger.asking < min(count, world.ledger.unanswered):
            await asyncio.sleep(0.05)


async def _backlog(world: World, seconds: float) -> Figures:
    """Measure how soon answers come, and how fast, when clients wrote while the worker was away.

    Meanwhile others write, and every second of them is one whose messages wait.
    """
    count = int(seconds * 5000)
    everybody = await have_conversations(world, 5000 + _LIVE_CLIENTS)
    numbers, others = everybody[:5000], everybody[5000:]
    await quiet(world)
    await world.stop_worker()
    messages = [world.clients.message(numbers[place % len(numbers)]) for place in range(count)]
    await _pile_up(world, messages)
    world.clients.use([number for pair in zip(others, numbers, strict=False) for number in pair])
    begun = time.monotonic()
    await world.start_worker()
    ready = time.monotonic()
    window = await measured(world, _live_until_answered(world, messages))
    found = figures(world, window, answered_in(world, window))
    ends = [message.answered or 0.0 for message in messages]
    live = [each for each in world.ledger.written if window.begun <= each.begun < max(ends)]
    return (
        found
        | {
            "events": count,
            "events_per_second": count / (max(ends) - min(ends)),
            "first_answer_seconds": min(ends) - begun,
            "ready_seconds": ready - begun,
        }
        | _waited("live", [each for each in live if each.number in set(others)])
        | _waited("live_behind_own", [each for each in live if each.number not in set(others)])
    )


async def _live_until_answered(world: World, messages: Sequence[Message]) -> None:
    load = asyncio.create_task(world.clients.poisson(_LIVE_A_SECOND, _DRAIN_SECONDS))
    async with asyncio.timeout(_DRAIN_SECONDS):
        while any(message.answered is None for message in messages):
            await asyncio.sleep(1.0)
    load.cancel()
    await world.clients.settle(_SETTLE_SECONDS)


def _waited(name: str, messages: Sequence[Message]) -> Figures:
    waited = three([(each.answered or time.monotonic()) - each.begun for each in messages])
    return {f"{name}_{which}_seconds": value for which, value in waited.items()} | {f"{name}s": len(messages)}


async def _history(world: World, seconds: float) -> Figures:
    """Compare the cost of a turn in conversations with ten messages and with a thousand."""
    numbers = (await have_conversations(world, _CONVERSATIONS))[:200]
    costs: Figures = {}
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        for length in (10, 1000):
            await connection.execute(_LENGTHEN, numbers, length)
            await quiet(world)
            world.clients.use(numbers)
            await world.clients.closed_loop(100, _WARM_UP_SECONDS)
            await world.clients.settle(_SETTLE_SECONDS)
            window = await measured(world, world.clients.closed_loop(100, seconds))
            await world.clients.settle(_SETTLE_SECONDS)
            found = figures(world, window, answered_in(world, window))
            costs[f"cpu_{length}_ms"] = sum(found[f"cpu_{name}_ms"] for name in ("web", "worker", "postgres"))
    finally:
        await connection.close()
    return found | costs | {"ratio": costs["cpu_1000_ms"] / costs["cpu_10_ms"]}


async def _rebuild(world: World, seconds: float) -> Figures:
    """Rebuild the tables from Kafka with the command, in a separate process."""
    return await rebuilt(world, int(seconds * 5000))


_LENGTHEN = """
INSERT INTO conversation_messages (conversation_id, direction, content)
SELECT s.id, CASE n % 2 WHEN 0 THEN 'inbound' ELSE 'outbound' END, \
'Me interesa saber un poco más del plan ' || n
FROM conversation_state s, LATERAL generate_series(
  (SELECT count(*) FROM conversation_messages m WHERE m.conversation_id = s.id) + 1, $2) AS n
WHERE s.phone_number = ANY($1::text[])
"""

ROWS = [
    Row("rate-50", "Poisson arrivals, 50 turns/s", _at_rate(50)),
    Row("rate-100", "Poisson arrivals, 100 turns/s", _at_rate(100)),
    Row("rate-200", "Poisson arrivals, 200 turns/s", _at_rate(200)),
    Row(
        "websocket-50", "Poisson arrivals, 50 turns/s, `ELEVENLABS_TRANSPORT=websocket`", _over_websocket(50)
    ),
    Row("saturation", f"closed loop of {_CLOSED_LOOP_CLIENTS} clients", _saturated),
    Row("burst", "500 clients at the same moment, again when all are answered", _burst, runs=2),
    Row("calls", "50 `call-completed` over HTTP at once, six times", _calls),
    Row("waiting-1000", "1,000 clients wait for the agent at once", _waiting(1000), runs=1),
    Row("waiting-5000", "5,000 clients wait for the agent at once", _waiting(5000), runs=1),
    Row("history", "conversations of 10 and of 1,000 messages", _history, seconds=10, runs=2),
    Row(
        "backlog",
        "messages from 5,000 clients wait in the topic: 5,000 for each of SECONDS, by itself 100,000",
        _backlog,
        runs=1,
    ),
    Row(
        "rebuild",
        "`replay --mode rebuild` over so many messages in Kafka: 5,000 for each of SECONDS, "
        "by itself 100,000",
        _rebuild,
        runs=1,
    ),
    *STATS_ROWS,
    PAGES_ROW,
    OPEN_PAGES_ROW,
]
