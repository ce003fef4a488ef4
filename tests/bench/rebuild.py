"""The tables rebuilt from Kafka by `replay`, and compared with those that the rules and the store had made.

The row has its own database and topics, so that nothing else is compared.
"""

import asyncio
import json
import sys
import uuid
from typing import Any

from clients.kafka.topics import ensure_topics
from db.migrate import migrate
from db.pool import create_pool
from schemas.settings import Settings, load_settings
from tests.bench.lives import MESSAGES, live
from tests.bench.window import Figures
from tests.bench.world import World

_LONGEST_SECONDS = 1_800.0


async def rebuilt(world: World, messages: int) -> Figures:
    """Create this many messages, rebuild them from Kafka and compare; fail if a deterministic row differs."""
    name = f"rebuild_{uuid.uuid4().hex[:8]}"
    dsn = await world.postgres.create_database(name)
    await migrate(dsn)
    settings = load_settings(
        {}, database_url=dsn, kafka_bootstrap_servers=world.kafka.bootstrap_servers, topic_prefix=f"{name}-"
    )
    await ensure_topics(settings)
    pool = await create_pool(settings)
    try:
        events = await live(pool, settings, messages // MESSAGES)
    finally:
        await pool.close()
    told = await _replay(world, settings)
    assert told["events"] == events, told
    differing = [table for table in told["differences"] if table["examples"]]
    assert not differing, differing
    equal = {table["table"]: table["equal"] for table in told["differences"]}
    return {
        "events": events,
        "messages": equal["conversation_messages"],
        "rows_equal": sum(equal.values()),
        "rebuild_seconds": told["seconds"],
        "events_per_second": told["events_per_second"],
    }


async def _replay(world: World, settings: Settings) -> dict[str, Any]:
    env = world.env | {"DATABASE_URL": str(settings.database_url), "TOPIC_PREFIX": settings.topic_prefix}
    command = [
        sys.executable,
        "-m",
        "cli",
        "replay",
        "conversation-event",
        "--since",
        "1d",
        "--mode",
        "rebuild",
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(_LONGEST_SECONDS):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    told: dict[str, Any] = json.loads(out)
    return told
