"""The statistics of the whole group of stats workers, each of which has the records of some partitions."""

import asyncio
import heapq
from typing import Any

import aiohttp

from clients.http import NO_ANSWER, ask
from clients.kafka.producer import partition_of
from clients.service_token import PeerProofs
from schemas.errors import Unavailable
from streams.stats.live import LiveRecords
from streams.stats.page import Page, conversation_id, shown
from streams.stats.rebuild import Rebuild
from streams.stats.record import has_begun
from streams.stats.totals import Sums

# In one data centre an answer takes milliseconds; whoever asks for `/stats` gives up after 1 s.
_OK = 200
_PEER_TIMEOUT = aiohttp.ClientTimeout(total=0.6)
# A page of whole records is up to a few MB.
_RECORDS_TIMEOUT = aiohttp.ClientTimeout(total=10.0)

Json = dict[str, Any]


class Cluster:
    """The group's statistics, asking others for what is not here. Complete or `Unavailable`, never partial.

    Every method raises:
        Unavailable: partitions move, tables recover or are made whole, or a worker does not answer in time.
    """

    def __init__(
        self,
        records: LiveRecords,
        rebuild: Rebuild,
        url: str,
        session: aiohttp.ClientSession,
        proofs: PeerProofs,
    ) -> None:
        self._records = records
        self._rebuild = rebuild
        self._url = url
        self._session = session
        self._proofs = proofs

    async def sums(self, day: str, campaign: dict[str, str]) -> tuple[list[Sums], list[Json]]:
        """Return the sums of every worker, and those of the campaign if one is asked for; they add up."""
        parts = await self._parts(self.local_sums(day, campaign), "/stats/local", {"day": day, **campaign})
        return [part["sums"] for part in parts], [part["campaign"] for part in parts]

    async def page(self, page: Page) -> Json:
        """Return a page of all conversations."""
        parts = await self._parts(self.local_page(page), "/conversations/local", page.query())
        return page.merged(part["conversations"] for part in parts)

    async def find(self, key: str) -> Json | None:
        """Return one conversation's record, or None."""
        owner = self._owner(partition_of(key, self._records.partitions))
        found = (
            self.local_record(key)
            if owner is None
            else await self._ask(owner, "/conversations/local", {"phone": key})
        )
        record = found["conversation"]
        return record if isinstance(record, dict) else None

    async def records(self, partition: int, after: int, limit: int) -> Json:
        """Return whole records of one partition, in the order of their ids."""
        owner = self._owner(partition)
        if owner is None:
            return self.local_records(partition, after, limit)
        query = {"partition": str(partition), "after": str(after), "limit": str(limit)}
        return await self._ask(owner, "/records", query, _RECORDS_TIMEOUT)

    async def rebuild(self, begin: str | None) -> list[Json]:
        """Have every worker remake its records, or tell how far it is. `begin`: from what, see `Rebuild`."""
        here = {"partitions": sorted(self._records.active()), "rebuild": self.local_rebuild(begin)}
        parts = await self._parts(here, "/rebuild/local", {"begin": begin} if begin else {})
        return [part["rebuild"] for part in parts]

    # What this worker answers to the others.

    def local_sums(self, day: str, campaign: dict[str, str]) -> Json:
        self.check()
        totals = self._records.totals
        found = totals.campaign(campaign) if campaign else {}
        return {"partitions": sorted(self._records.active()), "sums": totals.of(day), "campaign": found}

    def local_page(self, page: Page) -> Json:
        self.check()
        return {"partitions": sorted(self._records.active()), "conversations": page.of(self._records.all())}

    def local_record(self, key: str) -> Json:
        self._check_owned(partition_of(key, self._records.partitions))
        if key in self._records.gaps:
            raise Unavailable("the conversation's record is made again")
        record = self._records.find(key)
        return {"conversation": shown(record) if record is not None and has_begun(record) else None}

    def local_records(self, partition: int, after: int, limit: int) -> Json:
        self._check_owned(partition)
        found = (
            record
            for record in self._records.all()
            if record["partition"] == partition and record["conversation_id"] > after
        )
        return {
            "partitions": self._records.partitions,
            "records": heapq.nsmallest(limit, found, key=conversation_id),
        }

    def local_rebuild(self, begin: str | None) -> Json:
        self.check()
        return self._rebuild.begin(begin) if begin else self._rebuild.progress

    def check(self) -> None:
        """Check that this worker's part is whole."""
        if not self._records.ready:
            raise Unavailable("tables recover or partitions move")
        if not self._records.complete:
            raise Unavailable("records are made again from Postgres")

    def _check_owned(self, partition: int) -> None:
        self.check()
        if partition not in self._records.active():
            raise Unavailable("the conversation has moved")

    def _owner(self, partition: int) -> str | None:
        """Return the URL of the worker that has a partition, or None for this one."""
        if not self._records.ready:
            raise Unavailable("tables recover or partitions move")
        if partition in self._records.active():
            return None
        owner = next(
            (url for url, theirs in self._records.assignment.owners().items() if partition in theirs), None
        )
        if owner is None or owner == self._url:
            raise Unavailable("the conversation's partition has no owner")
        return owner

    async def _parts(self, here: Json, path: str, query: dict[str, str]) -> list[Json]:
        """Return this worker's part and the others'; every partition must be in exactly one."""
        everything = list(range(self._records.partitions))
        if here["partitions"] == everything:
            return [here]
        others = [
            url for url, theirs in self._records.assignment.owners().items() if theirs and url != self._url
        ]
        parts = [here, *await asyncio.gather(*(self._ask(url, path, query) for url in others))]
        if sorted(partition for part in parts for partition in part["partitions"]) != everything:
            raise Unavailable("partitions move")
        return parts

    async def _ask(
        self, url: str, path: str, query: dict[str, str], timeout: aiohttp.ClientTimeout = _PEER_TIMEOUT
    ) -> Json:
        where = url.rstrip("/") + path
        try:
            answer = await ask(
                self._session,
                "GET",
                where,
                params=query,
                headers=self._proofs.headers(path, query),
                timeout=timeout,
            )
            if answer.status == _OK:
                return answer.json()
        except NO_ANSWER as error:
            raise Unavailable("another stats worker does not answer") from error
        raise Unavailable("another stats worker is not ready")
