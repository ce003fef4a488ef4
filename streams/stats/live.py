"""The records of this worker's partitions and their sums: the only place that touches Faust's table.

Faust's table is read and recovered as it is, but written through its parts (`data`, and the changelog by
`Changes`) rather than by `table[key] = …`: only that way do we learn when a change has reached Kafka, and do
many share a write.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Any

import faust

from clients.kafka.producer import partition_of
from schemas.documents import now
from streams.stats.changes import Changes, Done
from streams.stats.record import Record, rank
from streams.stats.totals import Totals


class Assignment:
    """What Faust knows of the group; asked for each time, because it changes with every rebalance."""

    def __init__(self, app: faust.App, changelog: str) -> None:
        self._app: Any = app
        self._changelog = changelog
        self._active: tuple[int | None, set[int]] = (None, set())

    @property
    def ready(self) -> bool:
        return bool(self._app.tables.actives_ready and not self._app.rebalancing)

    @property
    def rebalance(self) -> int:
        """Return the number of the rebalance whose outcome this is."""
        return int(self._app.rebalancing_count)

    def active(self) -> set[int]:
        """Return the partitions whose records are here."""
        if not self.ready or self._active[0] != self.rebalance:
            found = {
                tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic == self._changelog
            }
            self._active = self.rebalance if self.ready else None, found
        return self._active[1]

    def owners(self) -> dict[str, set[int]]:
        """Return every worker's canonical URL with its partitions, as assigned."""
        distribution = self._app.assignor.changelog_distribution
        return {url: set(topics.get(self._changelog, ())) for url, topics in distribution.items()}


class LiveRecords:
    """The records of this worker's partitions, and their sums."""

    def __init__(
        self,
        table: Any,  # noqa: ANN401 - Faust's
        changes: Changes,
        assignment: Assignment,
        *,
        partitions: int,
        zone: tzinfo,
        days_kept: int,
        now: Callable[[], datetime] = now,
    ) -> None:
        self._table = table
        self.now = now
        self._changes = changes
        self.assignment = assignment
        self.partitions = partitions
        self.zone = zone
        self.days_kept = days_kept
        self._totals = Totals()
        self._summed_for: int | None = None  # the rebalance after which the totals were summed anew
        self._gaps: set[str] = set()
        #: The rebalance after which Postgres was searched for what is not here, see `complete`.
        self.compared_for: int | None = None

    def write(self, partition: int, key: str, record: Record | None, done: Done | None = None) -> None:
        """Replace a record; None forgets it. `done` is called when the changelog has the change."""
        before = self.find(key)
        if self._summed_for == self.rebalance:
            self._totals.replace(before, record)
        if record is None:
            self._table.data.pop(key, None)
            self._gaps.discard(key)
        else:
            # The record was made just now. Faust's own note of a key's partition misses live writes.
            record["partition"] = partition
            self._table.data[key] = record
            (self._gaps.add if record["gap"] else self._gaps.discard)(key)
        self._changes.put(partition, key, record, done)

    # Remade records: written between events, and only if not older than what the events told.

    def is_newer(self, key: str, than: Record | None) -> bool:
        """Return whether the record that is here knows of more events than another."""
        before = self.find(key)
        return before is not None and (than is None or rank(before) > rank(than))

    def replace(self, record: Record) -> bool:
        """Replace a record unless it is newer; return whether the new one differs from it."""
        key = record["phone_number"]
        if not self.owns(key) or self.is_newer(key, record):
            return False
        partition = partition_of(key, self.partitions)
        if self.find(key) == {**record, "partition": partition}:
            return False
        self.write(partition, key, record)
        return True

    def remove(self, record: Record) -> bool:
        """Forget a conversation if its record is still this one; return whether it was."""
        if self.find(key := record["phone_number"]) is not record or not self.owns(key):
            return False
        self.write(record["partition"], key, None)
        return True

    def owns(self, key: str) -> bool:
        return self.ready and partition_of(key, self.partitions) in self.active()

    # What the views read. All of it is complete for `active()` while `complete`.

    @property
    def ready(self) -> bool:
        return self.assignment.ready

    @property
    def gaps(self) -> set[str]:
        """Return the keys whose records missed an event, those that were recovered so among them."""
        self._sum_up()
        return self._gaps

    @property
    def complete(self) -> bool:
        """Whether this worker is ready and no record lacks anything that Postgres knows."""
        return self.ready and not self.gaps and self.compared_for == self.rebalance

    @property
    def rebalance(self) -> int:
        return self.assignment.rebalance

    def active(self) -> set[int]:
        """Return the partitions whose records are here."""
        return self.assignment.active()

    def today(self) -> str:
        return self.now().astimezone(self.zone).date().isoformat()

    @property
    def totals(self) -> Totals:
        """Return the sums over the records of the active partitions."""
        self._sum_up()
        return self._totals

    def count(self) -> int:
        return len(self._table.data)

    def find(self, key: str) -> Record | None:
        record: Record | None = self._table.data.get(key)
        return record

    def all(self) -> Iterator[Record]:
        """Return the records of the active partitions."""
        self._sum_up()
        return iter(self._table.data.values())

    def _sum_up(self) -> None:
        """Sum anew if there was a rebalance; before the tables are recovered, there is nothing to sum."""
        if self.ready and self._summed_for != self.rebalance:
            self._sum_anew()

    def _sum_anew(self) -> None:
        """Sum anew after a rebalance, and forget records that moved away.

        Synchronous, so that no event comes in between.
        """
        active, totals, gaps = self.active(), Totals(), set()
        for key, record in list(self._table.data.items()):
            if record is not None and record["partition"] in active:
                totals.replace(None, record)
                if record["gap"]:
                    gaps.add(key)
            else:
                self._table.data.pop(key)
        self._totals, self._gaps, self._summed_for = totals, gaps, self.rebalance
