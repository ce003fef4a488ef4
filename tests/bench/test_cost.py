"""What a turn costs does not creep up.

CPU is measured as a multiple of a reference loop in the same run. The numbers of statements, commits and
Kafka requests do not depend on the machine. No time is judged: on a machine that is half as fast, or shared
with others, the loop costs more as well. The margins are wide, because caches and neighbours change such
ratios by half, but whatever doubles a turn's cost fails.
"""

from pathlib import Path

from tests.bench.setup import have_conversations, quiet
from tests.bench.stores import stores
from tests.bench.window import Figures, answered_in, figures, measured, sums
from tests.bench.world import World

_CLIENTS = 60
_WARM_UP_SECONDS = 3.0
_SECONDS = 8.0
_SETTLE_SECONDS = 60.0
# Measured: 12-20 reference loops for web and worker, 4-6 for the stats worker, about 5 commits (a turn's
# three writes, its share of publication and of delivery reports).
_MOST_LOOPS_WEB_AND_WORKER = 40.0
_MOST_LOOPS_STATS = 14.0
_MOST_COMMITS = 12.0
# Measured at 10 turns/s, where nothing is grouped: 4.0 statements and 5.7 requests (2.5 produce, 2.4 fetch);
# at 50/s, 1.9 and 2.6.
_MOST_STATEMENTS = 8.0
_MOST_REQUESTS = 10.0


async def test_a_turn_costs_about_what_it_did(tmp_path: Path, jars: Path) -> None:
    async with World(tmp_path / "world", jars) as world:
        found = await _closed_loop(world)
        verdict = world.ledger.verdict()
    assert verdict.good, verdict.problems
    assert found["turns"] > _CLIENTS, "too few to judge by"
    loops = {
        name: sums(found, "cpu_{}_ms", *name.split("+")) / found["reference_ms"]
        for name in ("web+worker", "stats-worker")
    }
    assert loops["web+worker"] < _MOST_LOOPS_WEB_AND_WORKER, (loops, found)
    assert loops["stats-worker"] < _MOST_LOOPS_STATS, (loops, found)
    assert found["commits"] < _MOST_COMMITS, found
    assert found["statements"] < _MOST_STATEMENTS, found
    assert found["requests"] < _MOST_REQUESTS, found


async def _closed_loop(world: World) -> Figures:
    world.clients.use(await have_conversations(world, 2 * _CLIENTS))
    await quiet(world)
    await world.clients.closed_loop(_CLIENTS, _WARM_UP_SECONDS)
    await world.clients.settle(_SETTLE_SECONDS)
    before = await stores(world)
    window = await measured(world, world.clients.closed_loop(_CLIENTS, _SECONDS))
    found = figures(world, window, answered_in(world, window))
    found |= (await stores(world)).per_turn(before, found["turns"])
    await world.clients.settle(_SETTLE_SECONDS)
    await world.twilio.settle()
    return found
