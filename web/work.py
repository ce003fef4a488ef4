"""Is work stuck? Looked at in the background, for `/health`: what waits, for how long, and what vendors refuse."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import asyncpg

from db.queries import load
from schemas.errors import Unavailable
from schemas.settings import Settings
from web.auth import TOKEN_HEADER

_sql = load("gateway")

# Three looks at small indexes; with it an outage shows within 10 s.
_LOOK_EVERY_SECONDS = 5.0
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
# The longest that a turn may take from one step to the next: an agent that stays silent twice.
_STUCK_SECONDS = 120.0
# Longer than any turn takes that no outage holds up.
_LATE_SECONDS = 300.0
# Twilio: template missing, not approved, variables that do not fit, outside the window without one (errors/CODE).
_TEMPLATE = frozenset({"63016", "63027", "63005", "63013", "63028", "21655", "21656"})
# Our own credentials: Twilio's authentication error, HTTP's refusals.
_CREDENTIALS = frozenset({"20003", "401", "403"})

Json = dict[str, Any]


class QuickRows(Protocol):
    """See `web.database.Database`."""

    async def quick_rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]: ...


def problems(found: Mapping[str, Any], queue: Mapping[str, Any] | None) -> list[str]:
    """Give what somebody should look at, in words. Pure. `queue`: of the statistics, None while nobody tells it."""
    told = []
    waiting = (queue or {}).get("unread", 0) + (queue or {}).get("active", 0)
    if waiting and (found["last_ended"] is None or found["last_ended"] > _STUCK_SECONDS):
        told.append("events wait and no turn ends")
    if (found["oldest_waiting"] or 0) > _LATE_SECONDS:
        told.append("a message has waited for more than five minutes")
    if found["spooled"]:
        told.append("events wait in Postgres for Kafka")
    if (queue or {}).get("dead_letters_last_hour"):
        told.append("events became dead letters within the last hour")
    refused = set(found["refused"])
    if refused & _TEMPLATE:
        told.append("Twilio refuses a template, or a text outside its window")
    if refused & _CREDENTIALS:
        told.append("a vendor refuses our credentials")
    return told


class Work:
    """What was last seen; None before the first look, and while Postgres is away."""

    def __init__(self, settings: Settings, database: QuickRows, session: aiohttp.ClientSession) -> None:
        self._url = f"{settings.stats_url.rstrip('/')}/stats"
        self._headers = {TOKEN_HEADER: settings.microservice_token} if settings.microservice_token else {}
        self._database = database
        self._session = session
        self.found: Json | None = None

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.found = await self._look()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _look(self) -> Json | None:
        try:
            (row,) = await self._database.quick_rows(_sql.work)
        except Unavailable:
            return None
        queue = await self._queue()
        told = problems(row, queue)
        return {
            "stuck": bool(told),
            "problems": told,
            "spooled": row["spooled"],
            "oldest_waiting_seconds": _seconds(row["oldest_waiting"]),
            "oldest_spooled_seconds": _seconds(row["oldest_spooled"]),
            "failures_last_hour": row["refused"],
            "queue": queue,
        }

    async def _queue(self) -> Json | None:
        try:
            async with self._session.get(self._url, headers=self._headers, timeout=_VIEW_TIMEOUT) as response:
                answer = await response.json() if response.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        queue = answer.get("stats", {}).get("queue") if isinstance(answer, dict) else None
        return queue if isinstance(queue, dict) else None


def _seconds(age: object) -> float | None:
    return None if age is None else round(float(age), 1)  # type: ignore[arg-type]  # a number of Postgres
