"""What the store costs Postgres: `python -m tests.bench.store --rate 100`, on a server of its own.

Plays turns with delivery reports, publication and due times. There is only the store: no Kafka, no HTTP,
and no vendors.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID, uuid4

import typer
import uvloop

from db.migrate import migrate
from db.pool import Pool, create_pool
from db.store.append import append
from db.store.load import BEGINNING, due_actors
from db.store.lookups import seen_events, sends_by_own_id
from db.store.ownership import claim
from db.store.publication import advance
from db.store.session import SESSION
from db.store.write import Write, Written
from local.postgres.server import start_postgres
from schemas.settings import load_settings
from tests.bench.processes import cpu_seconds
from tests.bench.store_turns import Chat, chats

T = TypeVar("T")
R = TypeVar("R")

_AGENT_SECONDS, _SEND_SECONDS, _REPORT_SECONDS = 0.3, 0.08, 0.4
_COMPANY_SECONDS = 0.025
_LARGEST_GROUP = 50
_GROUPS_AT_ONCE = 2
_CONNECTIONS = 4
_MOST_DUE = 100


class Groups(Generic[T, R]):
    """Groups what is asked at the same moment. `wait`: seconds that the first waits for company."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, item: T, wait: float = 0.0) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if not wait or len(self._waiting) >= _LARGEST_GROUP:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._start)
        return await future

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._running < _GROUPS_AT_ONCE:
            self._running += 1
            task = asyncio.create_task(self._group())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _group(self) -> None:
        group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
        results = await self._work([item for item, _ in group])
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)
        self._running -= 1
        if self._waiting and self._timer is None:
            self._start()


class Counting:
    """A pool that counts statements."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.statements = 0

    def is_closing(self) -> bool:
        return False

    async def fetch(self, *arguments: Any) -> Any:  # noqa: ANN401 - as the pool's
        self.statements += 1
        return await self._pool.fetch(*arguments)


@dataclass(slots=True)
class Player:
    """Plays turns."""

    pool: Any
    reports: bool
    written: int = 0
    turns: int = 0
    #: Seconds that each turn took until its send could begin, minus the agent's time.
    waits: list[float] = field(default_factory=list)
    writes: Groups[Write, Any] = field(init=False)
    ids: Groups[tuple[str, str], bool] = field(init=False)
    sends: Groups[UUID, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.writes = Groups(self._append)
        self.ids = Groups(self._seen)
        self.sends = Groups(self._sends)

    async def turn(self, chat: Chat) -> None:
        begun, sid, own_id = time.monotonic(), f"SM{uuid4().hex}", str(uuid4())
        assert not await self.ids.run(("message", sid))
        received = asyncio.create_task(self._write(chat.received(sid), _COMPANY_SECONDS))
        await asyncio.gather(received, asyncio.sleep(_AGENT_SECONDS))
        await self._write(chat.answered(sid, own_id), 0.0)
        self.waits.append(time.monotonic() - begun - _AGENT_SECONDS)
        await asyncio.sleep(_SEND_SECONDS)
        sent_sid = f"SM{uuid4().hex}"
        write, message = chat.sent(own_id, sent_sid)
        await self._write(write, _COMPANY_SECONDS)
        self.turns += 1
        for rank in range(3) if self.reports else ():
            await asyncio.sleep(_REPORT_SECONDS)
            assert await self.sends.run(UUID(own_id)) is not None
            await self._write(chat.reported(own_id, sent_sid, message, rank), _COMPANY_SECONDS)

    async def _write(self, write: Write, wait: float) -> None:
        result = await self.writes.run(write, wait)
        assert isinstance(result, Written), result
        self.written += 1

    async def _append(self, writes: Sequence[Write]) -> Any:  # noqa: ANN401 - results
        return await append(self.pool, writes)

    async def _seen(self, events: Sequence[tuple[str, str]]) -> list[bool]:
        found = await seen_events(self.pool, events)
        return [event in found for event in events]

    async def _sends(self, own_ids: Sequence[UUID]) -> list[Any]:
        found = await sends_by_own_id(self.pool, own_ids)
        return [found.get(own_id) for own_id in own_ids]


async def _upkeep(pool: Any, all_chats: Sequence[Chat], partitions: int) -> None:  # noqa: ANN401 - counting
    """Once a second, advance the watermark of each partition and look for actors that are due."""
    while True:
        await asyncio.sleep(1.0)
        newest = dict.fromkeys(range(partitions), 0)
        for chat in all_chats:
            newest[chat.partition] = max(newest[chat.partition], chat.number)
        assert len(await advance(pool, dict.fromkeys(newest, 1), newest)) == partitions
        for partition in range(partitions):
            assert await due_actors(pool, partition, BEGINNING, _MOST_DUE) == []


async def _load(player: Player, crowd: list[Chat], rate: float, closed: int, seconds: float) -> None:
    """Play for some seconds: turns at a rate, or `closed` conversations at once, as fast as they go."""
    until, tasks = time.monotonic() + seconds, set()
    if closed:

        async def again(chat: Chat) -> None:
            while time.monotonic() < until:
                await player.turn(chat)

        await asyncio.gather(*(again(chat) for chat in crowd[:closed]))
        return
    free = random.sample(crowd, len(crowd))

    async def one(chat: Chat) -> None:
        await player.turn(chat)
        free.insert(random.randrange(len(free) + 1), chat)

    at = time.monotonic()
    while at < until:
        tasks.add(task := asyncio.create_task(one(free.pop())))
        task.add_done_callback(tasks.discard)
        at += random.expovariate(rate)
        await asyncio.sleep(max(0.0, at - time.monotonic()))
    await asyncio.gather(*tasks)


async def _bench(
    rate: float, closed: int, seconds: float, people: int, partitions: int, reports: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = await start_postgres(Path(folder) / "postgres")
        try:
            await migrate(postgres.dsn)
            settings = load_settings({}, database_url=postgres.dsn, database_pool_size=_CONNECTIONS)
            pool = await create_pool(settings, SESSION)
            await claim(pool, range(partitions), "bench")
            crowd, player = chats(people, partitions), Player(counting := Counting(pool), reports)
            for start in range(0, people, _LARGEST_GROUP):
                await append(pool, [chat.begins() for chat in crowd[start : start + _LARGEST_GROUP]])
            upkeep = asyncio.create_task(_upkeep(counting, crowd, partitions))
            await _load(player, crowd, rate, closed, min(5.0, seconds))
            before = await _marks(pool, postgres.pid, player, counting)
            player.waits.clear()
            await _load(player, crowd, rate, closed, seconds)
            after = await _marks(pool, postgres.pid, player, counting)
            upkeep.cancel()
            _print(before, after, sorted(player.waits))
            await pool.close()
        finally:
            await postgres.stop()


async def _marks(pool: Pool, pid: int, player: Player, counting: Counting) -> dict[str, float]:
    written = "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float"
    commits = f"SELECT xact_commit::float, {written} FROM pg_stat_database WHERE datname = current_database()"
    found = await pool.fetchrow(commits)
    assert found is not None
    return {
        "seconds": time.monotonic(),
        "turns": player.turns,
        "postgres": cpu_seconds(pid),
        "client": time.process_time(),
        "statements": counting.statements,
        "transactions": found[0],
        "wal": found[1],
        "writes": player.written,
    }


def _print(before: dict[str, float], after: dict[str, float], waits: list[float]) -> None:
    spent = {name: after[name] - before[name] for name in after}
    turns = spent["turns"]
    p50, p99 = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
    typer.echo(
        f"{turns / spent['seconds']:.0f} turns/s: Postgres {1000 * spent['postgres'] / turns:.2f} ms a turn, "
        f"client {1000 * spent['client'] / turns:.2f} ms, {spent['statements'] / turns:.2f} statements, "
        f"{spent['transactions'] / turns:.2f} transactions, {spent['writes'] / turns:.1f} writes, "
        f"{spent['wal'] / turns / 1024:.1f} KiB of WAL, before the send p50 {p50:.1f} p99 {p99:.1f} ms"
    )


def main(
    rate: Annotated[float, typer.Option(help="Turns a second.")] = 100.0,
    closed: Annotated[
        int, typer.Option(help="Conversations at once, as fast as they go; 0: at the rate.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="How long is measured.")] = 20.0,
    people: Annotated[int, typer.Option(help="Conversations that there are.")] = 5000,
    partitions: Annotated[int, typer.Option()] = 8,
    reports: Annotated[bool, typer.Option(help="Three delivery reports a message.")] = True,
) -> None:
    """Play and print."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_bench(rate, closed, seconds, people, partitions, reports))


if __name__ == "__main__":
    typer.run(main)
