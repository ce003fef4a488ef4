"""The answer to `/stats`, kept for a moment so that many viewers cost no more than one."""

import asyncio
from typing import Any

from schemas.errors import Unavailable
from schemas.stats_query import StatsQuery
from streams.stats.cluster import Cluster
from streams.stats.live import LiveRecords
from streams.stats.queue import Queue
from streams.stats.totals import campaign_days, figures

# Pages refresh every few seconds. Answers younger than the first bound are returned as they are, older ones
# while new ones are looked up. Beyond the second bound, the new ones are waited for.
_FRESH_SECONDS = 0.5
_STALE_SECONDS = 2.0
# Answers by day and campaign; each is a few kB.
_MOST_KEPT = 200

Json = dict[str, Any]
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Figures:
    """The cluster's figures: right, or `Unavailable`; at most 2 s old."""

    def __init__(self, records: LiveRecords, cluster: Cluster, queue: Queue) -> None:
        self._records = records
        self._cluster = cluster
        self._queue = queue
        self._kept: dict[_Key, tuple[float, int, Json]] = {}
        self._looking: dict[_Key, asyncio.Task[Json]] = {}

    async def get(self, query: StatsQuery) -> Json:
        """Return `stats`, and `campaign` if one is asked for.

        Raises:
            Unavailable: see `Cluster`; or Kafka or Postgres does not tell the queue.
        """
        self._cluster.check()
        key = (
            query.day.isoformat() if query.day else self._records.today(),
            tuple(sorted(query.campaign.items())),
        )
        made, rebalance, answer = self._kept.get(key, (float("-inf"), -1, {}))
        age = asyncio.get_running_loop().time() - made
        if rebalance == self._records.rebalance and age < _STALE_SECONDS:
            if age > _FRESH_SECONDS:
                self._look(key)
            return answer
        return await asyncio.shield(self._look(key))

    def _look(self, key: _Key) -> asyncio.Task[Json]:
        """Return the look-up under way, or begin one: all who ask meanwhile get what it finds."""
        if key not in self._looking:
            task = self._looking[key] = asyncio.create_task(self._look_up(key), name="figures")
            task.add_done_callback(lambda done: self._looked(key, done))
        return self._looking[key]

    def _looked(self, key: _Key, task: asyncio.Task[Json]) -> None:
        del self._looking[key]
        if not task.cancelled():
            task.exception()  # mark it as retrieved: perhaps nobody waits for it

    async def _look_up(self, key: _Key) -> Json:
        begun, rebalance = asyncio.get_running_loop().time(), self._records.rebalance
        day, campaign = key[0], dict(key[1])
        (sums, campaigns), queue = await asyncio.gather(
            self._cluster.sums(day, campaign), self._queue.figures()
        )
        if rebalance != self._records.rebalance:
            raise Unavailable("partitions move")
        answer: Json = {"stats": {**figures(sums), "queue": queue}}
        if campaign:
            answer["campaign"] = {**campaign, "days": campaign_days(campaigns)}
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (begun, rebalance, answer)
        return answer
