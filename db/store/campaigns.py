"""When a campaign's next first message may begin: shared by all its conversations."""

from datetime import datetime, timedelta

from db.pool import Pool
from db.queries import load
from db.store.retry import retry

_sql = load("store")


async def reserve_campaign_slot(pool: Pool, batch_id: str, pace: timedelta) -> datetime:
    """Take the campaign's next slot, `pace` after the one before; return when it is, aware."""
    at: datetime = await retry(pool, lambda: pool.fetchval(_sql.campaign_slot, batch_id, pace))
    return at
