"""What Kafka and Postgres wrote: bytes on disk and commits."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.bench.world import World

_SQL = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal, xact_commit
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Stores:
    """Since their beginning. Kafka's bytes are those of all topics' logs, changelogs and offsets included."""

    kafka_bytes: float
    wal_bytes: float
    commits: float

    def per_turn(self, earlier: "Stores", turns: float) -> dict[str, float]:
        """Return what a turn wrote since then."""
        turns = max(1.0, turns)
        return {
            "kafka_bytes": (self.kafka_bytes - earlier.kafka_bytes) / turns,
            "wal_bytes": (self.wal_bytes - earlier.wal_bytes) / turns,
            "commits": (self.commits - earlier.commits) / turns,
        }


async def stores(world: World) -> Stores:
    """Look now. Postgres tells of commits up to a second late, which counts for little in windows of many seconds."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        row = await connection.fetchrow(_SQL)
    finally:
        await connection.close()
    logs = (world.folder / "kafka").rglob("*.log")
    return Stores(float(sum(_size(log) for log in logs)), row["wal"], float(row["xact_commit"]))


def _size(log: Path) -> int:
    """Segments come and go."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0
