"""Under which addresses a person is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.pool import Pool
from db.queries import Query, load

_sql = load("addresses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One of a person's. `place`: 0 of the number."""

    phone_number: str
    place: int


ADDRESSES: Final = Query(_sql.addresses, Address)


async def addresses_of(pool: Pool, address: str) -> list[str]:
    """Return the keys of all addresses of the person to whom one belongs, the number's first.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    return [row["phone_number"] for row in await pool.fetch(_sql.addresses, address)]


async def numbers_of(pool: Pool, addresses: Sequence[str]) -> dict[str, str]:
    """Return the number of each of these addresses that has merged into one.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    rows = await pool.fetch(_sql.numbers, addresses) if addresses else []
    return {row["phone_number"]: row["number"] for row in rows}
