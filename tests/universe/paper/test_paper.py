"""The model's promises hold in all of its states, but where the README says so; each planted version breaks one."""

import pytest

from tests.universe.paper.explore import explore
from tests.universe.paper.model import BUGS, Bounds

_QUICK = Bounds(keys=(0, 0), crashes=1, freezes=1, rebalances=1)


def test_every_promise_holds_in_every_state() -> None:
    found = explore(_QUICK, with_gap=False)
    assert (found.broken, found.stuck, found.states) == ({}, [], 26_800)


def test_the_only_counterexample_is_a_freeze_between_proof_and_socket() -> None:
    found = explore(Bounds(keys=(0,), crashes=1, freezes=1, rebalances=1))
    assert "a message is sent twice" in found.broken
    for way in found.broken.values():
        before = way[: way.index("w0 freezes")]
        assert before[-1] == "w0 proves m0 its own"


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_version_breaks_a_promise(bug: str) -> None:
    found = explore(_QUICK, bug, with_gap=False, at_first=True)
    assert found.broken or found.stuck
