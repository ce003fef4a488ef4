"""All that is kept of one person."""

import base64

from db.pool import Pool
from db.queries import load
from db.store.erasures import erasure_key
from schemas.phone import number_digests
from schemas.rows import Json

_sql = load("export")


async def kept_of(pool: Pool, number: str) -> Json:
    """Return it by kind, see `db.store.personal_data`; the values of dead letters as text.

    Raises:
        asyncpg.PostgresError: Postgres refuses.
    """
    digests = number_digests(await erasure_key(pool), number)
    kept: Json = await pool.fetchval(_sql.export, number, digests)
    for letter in kept["dead_letters"]:
        letter["value"] = base64.b64decode(letter["value"] or "").decode(errors="replace")
    return kept
