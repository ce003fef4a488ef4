"""A stats worker's views as `whatsapp-microservice stats` asks them."""

from typing import Any

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings
from streams.stats.cluster import TOKEN_HEADER
from streams.stats.record import Record

# A page of whole records is up to some MB.
_TIMEOUT = aiohttp.ClientTimeout(total=15.0)
_PAGE = 2000
_ASK_AGAIN_SECONDS = 0.5

Json = dict[str, Any]


class StatsClient:
    """`patience`: seconds after which every method raises `Unavailable`, when no stats worker answers or is ready."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, patience: float) -> None:
        self._patience = patience
        self._base = settings.stats_url.rstrip("/")
        self._headers = {TOKEN_HEADER: settings.microservice_token} if settings.microservice_token else {}
        self._session = session

    async def figures(self) -> Json:
        """Give `/stats`."""
        return await self._ask("GET", "/stats", {})

    async def partitions(self) -> int:
        """Give how many partitions there are."""
        return int((await self._ask("GET", "/records", {"partition": "0", "limit": "1"}))["partitions"])

    async def records(self, partition: int) -> dict[str, Record]:
        """Give all records of a partition by their numbers."""
        found: dict[str, Record] = {}
        after = 0
        while True:
            query = {"partition": str(partition), "after": str(after), "limit": str(_PAGE)}
            page = (await self._ask("GET", "/records", query))["records"]
            found |= {record["phone_number"]: record for record in page}
            if len(page) < _PAGE:
                return found
            after = page[-1]["conversation_id"]

    async def rebuild(self, begin: str | None) -> list[Json]:
        """Have every worker make its records again, or ask how far each is. `begin`: "topic" or "postgres"."""
        method, query = ("POST", {"source": begin}) if begin else ("GET", dict[str, str]())
        workers: list[Json] = (await self._ask(method, "/rebuild", query))["workers"]
        return workers

    async def _ask(self, method: str, path: str, query: dict[str, str]) -> Json:
        """Ask until there is an answer: partitions may just move, and tables recover."""
        return await AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_delay(self._patience),
            wait=wait_fixed(_ASK_AGAIN_SECONDS),
            reraise=True,
        )(self._ask_once, method, path, query)

    async def _ask_once(self, method: str, path: str, query: dict[str, str]) -> Json:
        try:
            async with self._session.request(
                method, self._base + path, params=query, headers=self._headers, timeout=_TIMEOUT
            ) as response:
                if response.status == 401:
                    raise ConfigurationError("MICROSERVICE_TOKEN: the stats worker has another one, or none")
                answer: Json = await response.json()
                if not response.ok:
                    raise Unavailable(f"stats worker: {answer.get('details') or answer.get('error')}")
                return answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(f"no stats worker answers at STATS_URL ({self._base})") from error
