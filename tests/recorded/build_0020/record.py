"""Record a database of the build whose schema has version 0020, and what that build said of it.

Run from a checkout of that build (commit 2ef9f8c), with its jars of Apache Kafka under `.kafka`:

    PYTHONPATH=. python …/tests/recorded/build_0020/record.py

It writes `database.sql.gz` and `said.json.gz` beside itself.
"""

import asyncio
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from dump import dump
from live import (
    PACE_A_MINUTE,
    Live,
    by_operators,
    cut_off,
    finished,
    quiet_hours,
    waiting,
    while_kafka_is_away,
    with_a_person,
    without_messages,
)
from people import Person
from steps import drive
from world import World, world

from db.pool import create_pool
from schemas.settings import load_settings

HERE = Path(__file__).parent
_SETTINGS = {"TWILIO_UNKNOWN_PATIENCE_SECONDS": 3, "CALL_STATUS_ACTIONS": '{"voicemail": "none"}'}
# The backend's own: its tables are the contract's, with more columns and an own one beside.
_BACKENDS_TABLES = """
ALTER TABLE conversation_state ADD COLUMN crm_id TEXT;
ALTER TABLE conversation_messages ADD COLUMN crm_note TEXT;
CREATE TABLE clients (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO clients (name) VALUES ('Ana'), ('Luis');
"""


async def main() -> None:
    """Record."""
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), Path(".kafka")) as running:
            await running.database.execute(_BACKENDS_TABLES)
            await _live(running)
            pool = await create_pool(load_settings(running.env))
            await drive(pool)
            await pool.close()
            said = await _said(running)
            (HERE / "database.sql.gz").write_bytes(_packed(await dump(running.postgres)))
            (HERE / "said.json.gz").write_bytes(
                _packed(json.dumps(said, ensure_ascii=False, indent=1).encode())
            )


async def _live(running: World) -> None:
    live = Live(running)
    await running.start("web", BACKFILL_EVERY_SECONDS=0, **_SETTINGS)
    await running.start("worker", UNKNOWN_NUMBER_GRACE_SECONDS=1, **_SETTINGS)
    for story in (finished, with_a_person, without_messages, by_operators):
        await story(live)
    await running.stop("worker")
    await running.start(
        "worker", QUIET_HOURS=quiet_hours(), CAMPAIGN_MESSAGES_PER_MINUTE=PACE_A_MINUTE, **_SETTINGS
    )
    for story in (waiting, cut_off, while_kafka_is_away):
        await story(live)
    await running.stop("web")


async def _said(running: World) -> dict[str, Any]:
    """What the former build says: over HTTP, and by its commands."""
    await running.start("web", BACKFILL_EVERY_SECONDS=0, BACKFILL_HOURS=0)
    said: dict[str, Any] = {"at": (await running.database.fetchval("SELECT now()")).isoformat()}
    said["stats"] = (await running.api("GET", "/api/stats")).json()["stats"]
    said["conversations"], said["exports"] = {}, {}
    for person in Person:
        said["conversations"][person] = (await running.api("GET", f"/api/conversations/{person}")).json()
        said["exports"][person] = json.loads(await running.run("export", person))
    await running.stop("web")
    return said


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


if __name__ == "__main__":
    asyncio.run(main())
