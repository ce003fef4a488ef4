"""A short selection of `make chaos` with a small load, so that every test run includes it."""

from pathlib import Path

import pytest

from tests.chaos.run import play
from tests.chaos.scenario import small
from tests.chaos.scenarios import SCENARIOS
from tests.support.servers import needs_apache

_SELECTION = ("kill-worker", "kill-web", "twilio-outage", pytest.param("kill-kafka", marks=needs_apache))


@pytest.mark.parametrize("name", _SELECTION)
async def test_the_promise_holds(name: str, tmp_path: Path, jars: Path) -> None:
    scenario = small(next(each for each in SCENARIOS if each.name == name))
    outcome = await play(scenario, tmp_path / name, jars, 1, lambda _: None)
    assert outcome.verdict.good, outcome.problems
    assert outcome.verdict.unacknowledged == 0
    assert len(outcome.verdict.latencies) == outcome.verdict.written > 0
