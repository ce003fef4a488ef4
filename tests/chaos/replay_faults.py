"""Replays while clients chat, and a database restored from an older backup and caught up from the log."""

import asyncio
import json
import sys
from typing import Any

import asyncpg

from local.postgres.cluster import binaries
from tests.chaos.world import World

# As much as a small campaign; the longer, the more the log has to restore.
_LOST_SECONDS = 15.0
_COMMAND_SECONDS = 180.0
_INPUTS = ("call-completed", "inbound-message", "message-status")


async def replay_under_load(world: World) -> None:
    """Replay each input of the last hour twice at once, while tables are rebuilt alongside and compared."""
    world.strikes()
    runs = [_replay(world, topic, "--since", "1h", "--rate", "1000") for topic in _INPUTS for _ in range(2)]
    *_, report = await asyncio.gather(*runs, _replay(world, "conversation-event", "--mode", "rebuild"))
    for table in report.get("differences", []):
        if table["examples"]:
            world.problems.append(f"{table['table']} differs from the log: {table['examples'][0]}")


async def replay_killed(world: World) -> None:
    """Kill a slow replay midway and start it again under its id."""
    world.strikes()
    identity = await _killed_midway(world)
    await _replay(world, "--id", identity, "--rate", "1000")


async def restore_backup(world: World) -> None:
    """Lose Postgres along with workers and webs, and restore it as of seconds ago.

    The log and Twilio's list know the rest.
    """
    dump = world.folder / "backup.dump"
    await _run(world, str(binaries() / "pg_dump"), "--format=custom", f"--file={dump}", world.postgres.dsn)
    await asyncio.sleep(_LOST_SECONDS)
    world.strikes()
    products = [*world.workers, *world.webs]
    await asyncio.gather(*(product.kill() for product in products))
    await _empty(world)
    await _run(
        world, str(binaries() / "pg_restore"), "--no-owner", f"--dbname={world.postgres.dsn}", str(dump)
    )
    await command(world, "migrate")
    await _replay(world, "conversation-event", "--mode", "rebuild", "--catch-up")
    for topic in _INPUTS:
        await _replay(world, topic, "--since", "1h", "--rate", "1000")
    await asyncio.gather(*(product.start() for product in products))


async def _empty(world: World) -> None:
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()


async def _killed_midway(world: World) -> str:
    """Kill a replay after its first events and return its id. It never uses `again`: nothing may double."""
    words = ["replay", "inbound-message", "--since", "1h", "--rate", "20", "--yes"]
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        # Turns in progress count as unfinished, so some are published again while the load continues.
        process = await _started(world, *words)
        async with asyncio.timeout(_COMMAND_SECONDS):
            while True:
                row = await connection.fetchrow(
                    "SELECT id FROM conversation_replay WHERE state = 'begun' ORDER BY begun_at DESC LIMIT 1"
                )
                if row is not None or process.returncode is not None:
                    break
                await asyncio.sleep(0.05)
        if row is None:
            world.problems.append("the replay ended before it could be killed")
            return ""
        process.kill()
        await process.wait()
        return str(row["id"])
    finally:
        await connection.close()


async def _replay(world: World, *words: str) -> dict[str, Any]:
    """Run a replay. Having nothing to do (code 1) is an acceptable result."""
    done = await _started(world, "replay", *words, "--yes", "--json")
    async with asyncio.timeout(_COMMAND_SECONDS):
        output, _ = await done.communicate()
    if done.returncode not in ((0,) if "rebuild" in words else (0, 1)):
        world.problems.append(f"replay {' '.join(words)}: code {done.returncode}")
    return json.loads(output) if output.strip() else {}


async def command(world: World, *words: str) -> None:
    """Run a command of the program; any code but 0 is a problem."""
    await _run(world, sys.executable, "-m", "cli", *words)


async def _started(world: World, *words: str) -> asyncio.subprocess.Process:
    with (world.folder / "replay.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            *words,
            env=world.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )


async def _run(world: World, *command: str) -> None:
    with (world.folder / "replay.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=world.env, stdout=log, stderr=log)
    async with asyncio.timeout(_COMMAND_SECONDS):
        if await process.wait():
            world.problems.append(f"{command[0].rpartition('/')[2]}: code {process.returncode}")
