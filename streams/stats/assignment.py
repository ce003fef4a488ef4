"""Which partitions' records are here, and who has the others."""

from typing import Any

import faust
from aiokafka.partitioner import murmur2


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a key, as every producer of the topics does."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


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
        """Give the number of the rebalance whose outcome this is."""
        return int(self._app.rebalancing_count)

    def active(self) -> set[int]:
        """Give the partitions whose records are here."""
        if not self.ready or self._active[0] != self.rebalance:
            found = {tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic == self._changelog}
            self._active = self.rebalance if self.ready else None, found
        return self._active[1]

    def owners(self) -> dict[str, set[int]]:
        """Give every worker's canonical URL with its partitions, as assigned."""
        distribution = self._app.assignor.changelog_distribution
        return {url: set(topics.get(self._changelog, ())) for url, topics in distribution.items()}
