"""What Kafka and Postgres were asked and wrote: requests, statements, commits, bytes on disk."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.world import World

_SQL = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS wal, xact_commit
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Stores:
    """Totals since the start."""

    #: Logs of all topics, including changelogs and offsets.
    kafka_bytes: float
    wal_bytes: float
    commits: float
    #: Made by web, worker and statistics.
    statements: float
    #: Made by web, worker and statistics.
    requests: dict[str, float]

    def per_turn(self, earlier: "Stores", turns: float) -> dict[str, float]:
        """Return what one turn has cost since then."""
        turns = max(1.0, turns)
        return {
            "kafka_bytes": (self.kafka_bytes - earlier.kafka_bytes) / turns,
            "wal_bytes": (self.wal_bytes - earlier.wal_bytes) / turns,
            "commits": (self.commits - earlier.commits) / turns,
            "statements": (self.statements - earlier.statements) / turns,
            "requests": sum(self._requests(earlier).values()) / turns,
            **{f"requests_{kind}": count / turns for kind, count in self._requests(earlier).items()},
        }

    def _requests(self, earlier: "Stores") -> dict[str, float]:
        return {kind: count - earlier.requests.get(kind, 0.0) for kind, count in self.requests.items()}


async def stores(world: World) -> Stores:
    """Read the totals. Postgres reports commits up to a second late, which hardly matters in long windows."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        row = await connection.fetchrow(_SQL)
    finally:
        await connection.close()
    logs = (world.folder / "kafka").rglob("*.log")
    statements, requests = await _asked(world)
    written = float(sum(_size(log) for log in logs))
    return Stores(written, row["wal"], float(row["xact_commit"]), statements, requests)


async def _asked(world: World) -> tuple[float, dict[str, float]]:
    """Return statements, and requests to Kafka by kind, as the processes count them."""
    statements, requests = 0.0, Counter[str]()
    async with aiohttp.ClientSession() as session:
        for url in world.urls().values():
            async with session.get(f"{url}/metrics") as answer:
                text = await answer.text()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == "whatsapp_postgres_statements_total":
                        statements += sample.value
                    elif sample.name == "whatsapp_kafka_requests_total":
                        requests[sample.labels["kind"]] += sample.value
    return statements, dict(requests)


def _size(log: Path) -> int:
    """Return the size of a segment, which may just have been deleted."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0
