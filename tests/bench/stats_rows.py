"""The rows of the statistics: the agent's speed and cost, the table's recovery, `/api/stats` on a big day."""

import time

from tests.bench.processes import memory_mb, usage
from tests.bench.row import Row
from tests.bench.stats_stage import Stage, stage
from tests.bench.stats_view import ask, statements, web
from tests.bench.window import Figures, three
from tests.bench.world import World

_CONVERSATIONS = 2_000
_EVENTS_A_SECOND = 3_000
_MANY = 100_000
_REQUESTS_A_SECOND = 200
_WARM_UP_SECONDS = 2.0
_MS = 1000.0


async def _agent(world: World, seconds: float) -> Figures:
    """Measure the agent on events that wait in the topic when it starts, from a tenth of them to the last."""
    count = int(seconds * _EVENTS_A_SECOND)
    async with stage(world) as here:
        await here.have(_CONVERSATIONS, count)
        await here.worker.start()
        first = await here.until_counted(count // 10)
        begun, before = time.monotonic(), usage(_pids(world, here))
        counted = await here.until_counted(count) - first
        took, used = time.monotonic() - begun, usage(_pids(world, here)).since(before)
        return {
            "stats_events_per_second": counted / took,
            "stats_event_ms": used.by_name["stats"] * _MS / counted,
            "stats_cores": used.by_name["stats"] / took,
            "stats_memory_mb": memory_mb(here.pid),
            "others_percent": 100 * used.others / took,
        }


async def _recovery(world: World, seconds: float) -> Figures:
    """Measure from the process's start to the first figures, of all conversations, compared with Postgres."""
    async with stage(world) as here:
        await _have_many(here)
        assert await here.worker.stop() == 0
        begun, before = time.monotonic(), usage(world.pids())
        await here.worker.start()
        await here.worker.ready()
        ready = time.monotonic() - begun
        await here.until_complete()
        took, used = time.monotonic() - begun, usage(_pids(world, here))
        figures = await here.worker.figures()
        assert figures is not None
        assert figures["total_conversations_today"] == _MANY
        others = used.since(before).others
        return {
            "stats_ready_seconds": ready,
            "stats_recovery_seconds": took,
            "stats_recovery_cpu_seconds": used.by_name["stats"],
            "stats_memory_mb": memory_mb(here.pid),
            "others_percent": 100 * others / took,
        }


async def _view(world: World, seconds: float) -> Figures:
    """Request `GET /api/stats` at a steady rate; each request counts from when it was due."""
    async with stage(world) as here:
        await _have_many(here)
        async with web(here.env, here.worker, world.folder / "stats-web.log") as url:
            await ask(url, _REQUESTS_A_SECOND, _WARM_UP_SECONDS)
            transactions, before, begun = (
                await statements(here.env["DATABASE_URL"]),
                usage(_pids(world, here)),
                time.monotonic(),
            )
            took = await ask(url, _REQUESTS_A_SECOND, seconds)
            length, used = time.monotonic() - begun, usage(_pids(world, here)).since(before)
            transactions = await statements(here.env["DATABASE_URL"]) - transactions
        return {
            "stats_view_per_second": len(took) / length,
            **{f"stats_view_{name}_ms": value * _MS for name, value in three(took).items()},
            "stats_view_transactions": transactions / length,
            "stats_memory_mb": memory_mb(here.pid),
            "others_percent": 100 * used.others / length,
        }


async def _have_many(here: Stage) -> None:
    await here.have(_MANY, _MANY)
    await here.worker.start()
    await here.until_counted(_MANY)
    await here.know(_MANY)
    await here.until_complete()


def _pids(world: World, here: Stage) -> dict[str, int]:
    return world.pids() | {"stats": here.pid}


_LOADS = {
    "stats-agent": (
        f"events of {_CONVERSATIONS:,} conversations wait in the topic, {_EVENTS_A_SECOND:,} × SECONDS"
    ),
    "stats-recovery": f"a stats worker starts with {_MANY:,} conversations in changelog and Postgres",
    "stats-view": f"`/api/stats` {_REQUESTS_A_SECOND} times a second, {_MANY:,} conversations today",
}
STATS_ROWS = [
    Row("stats-agent", _LOADS["stats-agent"], _agent, runs=2),
    Row("stats-recovery", _LOADS["stats-recovery"], _recovery, runs=1),
    Row("stats-view", _LOADS["stats-view"], _view, seconds=10, runs=1),
]
