"""Records move to and from a stats worker: nothing partial is shown, nothing that left is waited for."""

from datetime import UTC
from types import SimpleNamespace
from typing import Any

import pytest

from clients.kafka.producer import partition_of
from streams.stats.event import Event
from streams.stats.live import LiveRecords
from streams.stats.record import Record
from tests.support.stats_told import PHONE, event, story

_PARTITIONS = 8
_OURS = partition_of(PHONE, _PARTITIONS)
_WHOLE = (event(1, "started"), event(2, "received"))
_GAPPED = (event(2, "received"),)
_DAY = story(*_WHOLE)["started_day"]


class Group:
    """What Faust knows of the group. It counts a rebalance when it begins; partitions come at its end."""

    def __init__(self) -> None:
        self.rebalance, self.ready = 0, False
        self._partitions: set[int] = set()

    def begin(self) -> None:
        self.rebalance, self.ready = self.rebalance + 1, False

    def end(self, *partitions: int) -> None:
        self._partitions, self.ready = set(partitions), True

    def active(self) -> set[int]:
        return self._partitions


def put(partition: int, key: str, record: Record | None, done: object = None) -> None:
    """Drop what goes to the changelog."""


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def live(group: Group) -> LiveRecords:
    """Return the records of a worker that has all partitions, and nothing in them yet."""
    changes, table = SimpleNamespace(put=put), SimpleNamespace(data={})
    given: Any = (table, changes, group)
    records = LiveRecords(*given, partitions=_PARTITIONS, zone=UTC, days_kept=8)
    group.begin()
    group.end(*range(_PARTITIONS))
    records.compared_for = group.rebalance
    assert records.complete
    return records


def recovers(live: LiveRecords, *events: Event) -> None:
    live._table.data[PHONE] = {**story(*events), "partition": _OURS}


@pytest.mark.parametrize(("events", "whole"), [(_WHOLE, True), (_GAPPED, False)])
def test_a_gap_that_comes_with_the_changelog_is_known_before_anything_is_shown(
    live: LiveRecords, group: Group, events: tuple[Event, ...], whole: bool
) -> None:
    group.begin()
    recovers(live, *events)
    group.end(_OURS)
    live.compared_for = group.rebalance
    assert live.complete == whole
    assert live.gaps == (set() if whole else {PHONE})


def test_a_gap_that_moved_away_is_not_waited_for(live: LiveRecords, group: Group) -> None:
    live.write(_OURS, PHONE, story(*_GAPPED))
    assert live.gaps == {PHONE}
    group.begin()
    group.end(*set(range(_PARTITIONS)) - {_OURS})
    live.compared_for = group.rebalance
    assert live.complete
    assert not live.count()


def test_what_is_asked_while_tables_recover_is_summed_once_they_are(live: LiveRecords, group: Group) -> None:
    group.begin()
    assert list(live.all()) == []
    recovers(live, *_WHOLE)
    group.end(_OURS)
    assert live.totals.of(_DAY)["started"] == 1
