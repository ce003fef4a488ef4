"""The model's promises hold in all states except where the README says so; each planted version breaks one.

`python -m tests.universe.paper` explores all of it: two crashes, and a second partition at once.
"""

import pytest

from tests.universe.paper.explore import explore
from tests.universe.paper.model import BUGS, Bounds

_QUICK = Bounds(keys=(0, 0), crashes=1, freezes=1, rebalances=1)


def test_every_promise_holds_in_every_state() -> None:
    found = explore(_QUICK, with_gap=False)
    assert (found.broken, found.stuck, found.states) == ({}, [], 26_800)


def test_every_promise_holds_in_every_state_of_two_partitions() -> None:
    found = explore(Bounds(keys=(0, 1), crashes=1, freezes=0, rebalances=1), with_gap=False)
    assert (found.broken, found.stuck) == ({}, [])
    alone = explore(Bounds(keys=(0,), crashes=1, freezes=0, rebalances=1), with_gap=False)
    assert found.states > 10 * alone.states


def test_the_only_counterexample_is_a_freeze_between_proof_and_socket() -> None:
    found = explore(Bounds(keys=(0,), crashes=1, freezes=1, rebalances=1))
    assert "a message is sent twice" in found.broken
    for way in found.broken.values():
        before = way[: way.index("w0 freezes")]
        assert "w0 proves m0 its own" in before
        assert "w0 sends m0" not in before


def test_a_way_names_the_partition_of_each_step() -> None:
    found = explore(
        Bounds(keys=(0, 1), crashes=0, freezes=0, rebalances=0), "released before durable", at_first=True
    )
    assert list(found.broken.values()) == [["p0: w0 commits"]]


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_version_breaks_a_promise(bug: str) -> None:
    found = explore(_QUICK, bug, with_gap=False, at_first=True)
    assert found.broken or found.stuck
