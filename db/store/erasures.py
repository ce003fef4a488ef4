"""Which numbers were erased, known by digests under the database's own key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.pool import Pool
from db.queries import load
from db.store.retry import retry
from schemas.phone import number_digest

_sql = load("erasures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """Erased numbers. `at`: when, by their digests under `key`; UTC, without a zone."""

    key: bytes
    at: Mapping[str, datetime]

    def of(self, number: str) -> datetime | None:
        """Return when a number was erased."""
        return self.at.get(number_digest(self.key, number)) if self.at else None


async def erasure_key(pool: Pool) -> bytes:
    """Return the key of the digests."""
    key: bytes = await retry(pool, lambda: pool.fetchval(_sql.erasure_key))
    return key


async def erased_at(pool: Pool, numbers: Sequence[str]) -> dict[str, datetime]:
    """Return when numbers were erased, where they were; UTC, without a zone."""
    key = await erasure_key(pool)
    digests = {number_digest(key, number): number for number in numbers}
    rows = await pool.fetch(_sql.erasures, list(digests))
    return {digests[row["number_digest"]]: row["erased_at"] for row in rows}
