"""Thousands of moves in any order, whatever vendors, clients and operators do, and whatever dies.

Every single input is checked (`tests.support.chat`): numbers have no gaps, the events fold to the state, and
both come back from their JSON. `tests/model` plays the same histories on the store.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.history import MOVES, POLICIES, History

# Some twenty seconds; the environment may ask for more.
_HISTORIES = int(os.environ.get("RULES_HISTORIES", "200"))
_MOVES = 60


@settings(max_examples=_HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, len(POLICIES) - 1),
    is_known=st.sampled_from((True, True, False)),
    moves=st.lists(MOVES, min_size=_MOVES, max_size=_MOVES),
)
def test_whatever_happens_each_message_is_answered_once_and_all_comes_to_rest(
    place: int, is_known: bool, moves: list[tuple[str, int, int]]
) -> None:
    history = History(POLICIES[place], is_known=is_known)
    for name, a, b in moves:
        getattr(history, name)(a, b)
        history.check()
    history.end()
