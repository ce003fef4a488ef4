"""`export NUMBER`: all that is kept of one person, as JSON."""

import asyncio
import json

from db.pool import POSTGRES_ERRORS, create_pool
from db.readers.persons import kept_of
from schemas.errors import Unavailable
from schemas.phone import conversation_key
from schemas.rows import Json
from schemas.settings import Settings, require


def run_export(settings: Settings, number: str) -> int:
    """Print it; 1 when nothing is kept of the number.

    Raises:
        InvalidInput: not a number.
        ConfigurationError, Unavailable: Postgres cannot be asked.
    """
    require(settings, "database_url")
    kept = asyncio.run(_kept(settings, conversation_key(number)))
    print(json.dumps(kept, ensure_ascii=False, indent=2))
    return 0 if any(value for name, value in kept.items() if name != "phone_number") else 1


async def _kept(settings: Settings, number: str) -> Json:
    try:
        pool = await create_pool(settings)
        try:
            return await kept_of(pool, number)
        finally:
            await pool.close()
    except POSTGRES_ERRORS as error:
        raise Unavailable("Postgres does not answer; check DATABASE_URL") from error
