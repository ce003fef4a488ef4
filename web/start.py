"""What must be there before the gateway serves: usable settings, Postgres, its schema."""

from zoneinfo import ZoneInfo

import asyncpg
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_fixed

from db.pool import Pool, create_pool
from db.queries import load
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings, require

log = structlog.get_logger()
_sql = load("gateway")

# A database that starts together with us is there, and migrated, within this.
_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_CANNOT_BE_RIGHT = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ValueError,  # how asyncpg reports a URL that cannot be read
)


class _NotMigrated(Exception):
    """The schema is missing."""


def check(settings: Settings) -> None:
    """Check what would otherwise fail at the first request; warn of what makes routes refuse everybody.

    Raises:
        ConfigurationError: names the variable.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    settings.operators()
    try:
        ZoneInfo(settings.stats_timezone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError("STATS_TIMEZONE: no such time zone; write it as America/Bogota") from error
    for name, route in (("microservice_token", "/api"), ("twilio_auth_token", "/webhook/twilio")):
        if getattr(settings, name) is None:
            log.warning("not configured, every request is refused", variable=name.upper(), route=route)


async def open_pool(settings: Settings) -> Pool:
    """Connect to Postgres, waiting for it and for the schema.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right.
        Unavailable: Postgres, or the schema, was not there in time.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError,
                                       asyncpg.TooManyConnectionsError, _NotMigrated)),
        stop=stop_after_delay(_WAIT_SECONDS), wait=wait_fixed(_LOOK_SECONDS), before_sleep=_say, reraise=True,
    )  # fmt: skip
    try:
        return await attempts(_open, settings)
    except _CANNOT_BE_RIGHT as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    except _NotMigrated as error:
        raise Unavailable("the database has no schema yet; run `whatsapp-microservice migrate`") from error
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable(f"Postgres did not answer within {_WAIT_SECONDS:.0f} s; check DATABASE_URL") from error


async def _open(settings: Settings) -> Pool:
    pool = await create_pool(settings)
    if not await pool.fetchval(_sql.has_schema):
        await pool.close()
        raise _NotMigrated
    return pool


def _say(attempt: RetryCallState) -> None:
    error = attempt.outcome.exception() if attempt.outcome else None
    if isinstance(error, _NotMigrated):
        log.warning("the database has no schema yet, waiting for `whatsapp-microservice migrate`")
    else:
        log.warning("Postgres does not answer yet", why=type(error).__name__)
