"""The statistics of the whole group of stats workers, each of which has the records of some partitions."""

import asyncio
from typing import Any

import aiohttp

from schemas.errors import Unavailable
from streams.stats.live import LiveRecords, partition_of
from streams.stats.page import Page, shown
from streams.stats.totals import Sums

TOKEN_HEADER = "X-Service-Token"
# In one data centre an answer takes milliseconds; whoever asks for `/stats` gives up after 1 s.
_PEER_TIMEOUT = aiohttp.ClientTimeout(total=0.6)


class Cluster:
    """Asks the others for what is not here. Complete, or `Unavailable`: never partial."""

    def __init__(self, records: LiveRecords, url: str, session: aiohttp.ClientSession, token: str | None) -> None:
        self._records = records
        self._url = url
        self._session = session
        self._headers = {TOKEN_HEADER: token} if token else {}

    async def sums(self, day: str) -> list[Sums]:
        """Give the sums of every worker; they add up.

        Raises:
            Unavailable: partitions move, tables recover, or a worker does not answer in time.
        """
        return [part["sums"] for part in await self._parts(self.local_sums(day), "/stats/local", {"day": day})]

    async def page(self, page: Page) -> dict[str, Any]:
        """Give a page of all conversations.

        Raises:
            Unavailable: see `sums`.
        """
        parts = await self._parts(self.local_page(page), "/conversations/local", page.query())
        return page.merged(part["conversations"] for part in parts)

    async def find(self, key: str) -> dict[str, Any] | None:
        """Give one conversation's record, or None.

        Raises:
            Unavailable: see `sums`.
        """
        self._check_ready()
        partition = partition_of(key, self._records.partitions)
        if partition in self._records.active():
            record = self._records.find(key)
            return shown(record) if record is not None else None
        owner = next((url for url, theirs in self._records.owners().items() if partition in theirs), None)
        if owner is None or owner == self._url:
            raise Unavailable("the conversation's partition has no owner")
        found = await self._ask(owner, "/conversations/local", {"phone": key})
        record = found["conversation"]
        return record if isinstance(record, dict) else None

    # What this worker answers to the others.

    def local_sums(self, day: str) -> dict[str, Any]:
        self._check_ready()
        return {"partitions": sorted(self._records.active()), "sums": self._records.sums(day)}

    def local_page(self, page: Page) -> dict[str, Any]:
        self._check_ready()
        return {"partitions": sorted(self._records.active()), "conversations": page.of(self._records.all())}

    def local_record(self, key: str) -> dict[str, Any]:
        self._check_ready()
        if partition_of(key, self._records.partitions) not in self._records.active():
            raise Unavailable("the conversation has moved")
        record = self._records.find(key)
        return {"conversation": shown(record) if record is not None else None}

    def _check_ready(self) -> None:
        if not self._records.ready:
            raise Unavailable("tables recover or partitions move")

    async def _parts(self, here: dict[str, Any], path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """Give this worker's part and the others'; every partition must be in exactly one."""
        everything = list(range(self._records.partitions))
        if here["partitions"] == everything:
            return [here]
        others = [url for url, theirs in self._records.owners().items() if theirs and url != self._url]
        parts = [here, *await asyncio.gather(*(self._ask(url, path, query) for url in others))]
        if sorted(partition for part in parts for partition in part["partitions"]) != everything:
            raise Unavailable("partitions move")
        return parts

    async def _ask(self, url: str, path: str, query: dict[str, str]) -> dict[str, Any]:
        request = self._session.get(url.rstrip("/") + path, params=query, headers=self._headers, timeout=_PEER_TIMEOUT)
        try:
            async with request as response:
                if response.status != 200:
                    raise Unavailable("another stats worker is not ready")
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("another stats worker does not answer") from error
