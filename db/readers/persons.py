"""A person: the addresses under which they are known, and all that is kept about them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.pool import Pool
from db.queries import Query, load
from db.store.erasures import erasure_key
from schemas.phone import number_digests
from schemas.rows import Json

_export = load("export")
_sql = load("addresses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One of a person's addresses. `place`: 0 for the number."""

    phone_number: str
    place: int


ADDRESSES: Final = Query(_sql.addresses, Address)


async def addresses_of(pool: Pool, address: str) -> list[str]:
    """Return the keys of all addresses of the person to whom this one belongs, the number's first.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    return [row["phone_number"] for row in await pool.fetch(_sql.addresses, address)]


async def numbers_of(pool: Pool, addresses: Sequence[str]) -> dict[str, str]:
    """Return the number into which each of these addresses has merged, where it has.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    rows = await pool.fetch(_sql.numbers, addresses) if addresses else []
    return {row["phone_number"]: row["number"] for row in rows}


async def kept_of(pool: Pool, address: str) -> Json:
    """Return all that is kept about a person, by kind, see `db.store.personal_data`.

    Dead letters' values are text. What is kept under the person's other addresses is in `addresses`.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    number, *others = await addresses_of(pool, address)
    kept = await _kept_under(pool, number)
    return kept | ({"addresses": [await _kept_under(pool, each) for each in others]} if others else {})


async def _kept_under(pool: Pool, number: str) -> Json:
    digests = number_digests(await erasure_key(pool), number)
    kept: Json = await pool.fetchval(_export.export, number, digests)
    for letter in kept["dead_letters"]:
        letter["value"] = base64.b64decode(letter["value"] or "").decode(errors="replace")
    return kept
