"""What is broken. Each fault strikes once, puts the broken part back as a supervisor would, and returns."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import asyncpg

from tests.chaos import topics
from tests.chaos.product import Product, tree_signal
from tests.chaos.world import World

POINTS = (
    "before-begin",
    "after-begin",
    "after-agent",
    "after-answer",
    "after-reconcile",
    "after-send",
    "after-accept",
    "after-publish",
    "before-release",
)
"""The service's fail points, in the order of a turn's steps."""
_ONLY_AFTER = {"after-reconcile": "after-answer"}
"""Only a worker that finds a dead worker's intention gets to a reconciliation."""

Fault = Callable[[World], Awaitable[None]]

# As in `up`.
_RESTART_SECONDS = 1.0
# The drain cap of worker and web is 10 s; the contract with the supervisor allows 5 s more.
_STOP_SECONDS = 15.0
_REACHED_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_PAUSE_SECONDS = 60.0
_BROKER_AWAY_SECONDS = 3.0
_BROKER_FROZEN_SECONDS = 20.0
_POSTGRES_FROZEN_SECONDS = 10.0
_MEMBERSHIP_SECONDS = 10.0
_WEB_DOWN_SECONDS = 60.0
_MISSED_MESSAGES = 200


async def nothing(world: World) -> None:
    """Strike with nothing, for scenarios whose trouble lies in the load or in the vendors."""
    world.strikes()


def _one_of(world: World, products: list[Product]) -> Product:
    return world.chance.choice([each for each in products if each.wanted])


async def _killed(*victims: Product) -> None:
    await asyncio.gather(*(victim.kill() for victim in victims))
    await asyncio.sleep(_RESTART_SECONDS)
    await asyncio.gather(*(victim.start() for victim in victims))


async def kill_worker(world: World) -> None:
    """Kill a worker with `kill -9`; start it again a second later."""
    world.strikes()
    await _killed(_one_of(world, world.workers))


async def kill_web(world: World) -> None:
    """Kill a web with `kill -9`; start it again a second later."""
    world.strikes()
    await _killed(_one_of(world, world.webs))


async def kill_both(world: World) -> None:
    """Kill a worker and a web together with `kill -9`."""
    world.strikes()
    await _killed(_one_of(world, world.workers), _one_of(world, world.webs))


async def fail_point(world: World) -> None:
    """Have the worker die at a named step, the next one each time; its supervisor starts it again."""
    point = POINTS[world.points_reached % len(POINTS)]
    world.points_reached += 1
    if before := _ONLY_AFTER.get(point):
        await _die_at(world, before)
    if await _die_at(world, point):
        world.strikes()


async def _die_at(world: World, point: str) -> bool:
    """Have a worker die at a point; return whether it did.

    Its supervisor waits a second, so that the next point can be armed before it starts.
    """
    world.fail_point.write_text(point)
    try:
        async with asyncio.timeout(_REACHED_SECONDS):
            while world.fail_point.exists():
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        world.fail_point.unlink(missing_ok=True)
        world.problems.append(f"no worker came to {point}")
        return False
    worker = await _died(world)
    worker.own_ends.remove(-signal.SIGKILL)
    return True


async def _died(world: World) -> Product:
    """Wait until the supervisor has noticed the death."""
    async with asyncio.timeout(_REACHED_SECONDS):
        while not (dead := [each for each in world.workers if -signal.SIGKILL in each.own_ends]):
            await asyncio.sleep(_LOOK_SECONDS)
    return dead[0]


async def term_worker(world: World) -> None:
    """Send a worker SIGTERM: it must exit with 0 in time. Count what was done but will be redelivered."""
    worker = _one_of(world, world.workers)
    world.strikes()
    await _termed(world, worker)
    if len(world.workers) == 1:
        await _count_redelivered(world)
    await worker.start()


async def term_web(world: World) -> None:
    """Send a web SIGTERM under load."""
    web = _one_of(world, world.webs)
    world.strikes()
    await _termed(world, web)
    await web.start()


async def _termed(world: World, product: Product) -> None:
    code, seconds = await product.term(_STOP_SECONDS)
    if code != 0:
        said = "was killed" if code is None else f"exit code {code}"
        world.problems.append(
            f"{product.name}: {said} {seconds:.1f} s after SIGTERM, 0 within {_STOP_SECONDS:.0f} s wanted"
        )


async def _count_redelivered(world: World) -> None:
    """Count what will be redelivered though Twilio has already accepted an answer to it."""
    again = b"\n".join(await topics.uncommitted(world.kafka.bootstrap_servers)).decode(errors="replace")
    answered = [text for sent in await world.vendors.sent() for text in sent.body.split("\n") if text]
    done = sum(text.removeprefix("Eco: ") in again for text in answered)
    world.redelivered = (world.redelivered or 0) + done


async def pause_worker(world: World) -> None:
    """Stop a worker with SIGSTOP for a minute while another takes over, then send SIGCONT."""
    worker = _one_of(world, world.workers)
    world.strikes()
    worker.pause()
    await asyncio.sleep(_PAUSE_SECONDS)
    worker.resume()


async def join_and_leave(world: World) -> None:
    """Have a worker join, and leave 10 s later."""
    worker = next((each for each in world.workers if not each.wanted), None) or world.add_worker(
        "worker-guest"
    )
    world.strikes()
    await worker.start()
    await asyncio.sleep(_MEMBERSHIP_SECONDS)
    await _termed(world, worker)


async def kill_kafka(world: World) -> None:
    """Kill the broker with `kill -9`; start it some seconds later. Recovery counts from its first answer."""
    await world.kafka.kill()
    await asyncio.sleep(_BROKER_AWAY_SECONDS)
    await world.restart_kafka()
    world.strikes()


async def freeze_kafka(world: World) -> None:
    """Freeze the broker for 20 s."""
    world.broker.process.send(signal.SIGSTOP)
    await asyncio.sleep(_BROKER_FROZEN_SECONDS)
    world.broker.process.send(signal.SIGCONT)
    world.strikes()


async def kill_postgres(world: World) -> None:
    """Kill all of Postgres with `kill -9`; start it again some seconds later."""
    await world.postgres.kill()
    await asyncio.sleep(_BROKER_AWAY_SECONDS)
    await world.restart_postgres()
    world.strikes()


async def freeze_postgres(world: World) -> None:
    """Freeze all of Postgres' processes for 10 s."""
    tree_signal(world.postgres.pid, signal.SIGSTOP)
    await asyncio.sleep(_POSTGRES_FROZEN_SECONDS)
    tree_signal(world.postgres.pid, signal.SIGCONT)
    world.strikes()


async def cut_postgres(world: World) -> None:
    """Cut every connection to Postgres at once."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    finally:
        await connection.close()
    world.strikes()


async def kafka_and_postgres_away(world: World) -> None:
    """Kill both; start them again ten seconds later."""
    await asyncio.gather(world.kafka.kill(), world.postgres.kill())
    await asyncio.sleep(_POSTGRES_FROZEN_SECONDS)
    await asyncio.gather(world.restart_kafka(), world.restart_postgres())
    world.strikes()


async def restart_kafka(world: World) -> None:
    """Restart the broker cleanly, as an upgrade does."""
    await world.broker.stop()
    await world.restart_kafka()
    world.strikes()


async def web_down(world: World) -> None:
    """Take web away for a minute. What clients write meanwhile is only in Twilio's list."""
    web = world.webs[0]
    await web.kill()
    begun = asyncio.get_running_loop().time()
    assert world.clients is not None, "faults strike under load"
    for _ in range(_MISSED_MESSAGES):
        await world.clients.write_past_web(world.vendors)
    await asyncio.sleep(_WEB_DOWN_SECONDS - (asyncio.get_running_loop().time() - begun))
    await web.start()
    world.strikes()
