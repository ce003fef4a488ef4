"""A person: under which addresses they are known, and all that is kept of them."""

import base64

from db.pool import Pool
from db.queries import load
from db.readers.addresses import addresses_of
from db.store.erasures import erasure_key
from schemas.phone import number_digests
from schemas.rows import Json

_export = load("export")


async def kept_of(pool: Pool, address: str) -> Json:
    """Return it by kind, see `db.store.personal_data`; the values of dead letters as text. What is kept under the person's
    other addresses stands in `addresses`.

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
