"""Histories: processes die, are fenced or rebalance between any two loop steps, and the store fails.

However it goes, each record is taken in once and in order, answered once, and released in order when durable.
No effect starts before its reason is durable (unless eager), twice at a time, or after its result is durable.
"""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.ports import Outcome
from tests.unit.mailboxes.universe import PARTITIONS, SOURCES, Process, Universe, tasks_but
from tests.unit.mailboxes.virtual_time import virtual, virtual_loop

_ENTIRELY = 2_000.0
KINDS = ["usual", "usual", "usual", "patient", "patient", "poison"]
RECORD = st.tuples(st.sampled_from(SOURCES), st.sampled_from("aaabbc"), st.sampled_from(KINDS))
RECORDS = st.lists(RECORD, min_size=1, max_size=25)
STRIKES = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["crash", "zombie", "fence", "rebalance", "cut short"])),
    max_size=4,
)


@settings(max_examples=150)
@given(RECORDS, STRIKES, st.integers(0, 2**16), st.sampled_from([0.0, 0.1, 0.3]), st.booleans())
def test_whatever_happens_in_between(
    records: list[tuple[str, str, str]], strikes: list[tuple[int, str]], seed: int, faults: float, eager: bool
) -> None:
    universe = Universe(seed, faults, eager=eager)
    for record in records:
        universe.produce(*record)
    virtual(_history)(universe, strikes)
    for key in PARTITIONS:
        taken = universe.store.ids(key, "take")
        for source in SOURCES:
            produced = [
                m.id for each, m in universe.log[source, PARTITIONS[key]] if each == key and m.kind == "take"
            ]
            assert [id for id in taken if id.startswith(source)] == produced
        assert sorted(universe.store.ids(key, "answer")) == sorted(id for id in taken if not id.endswith("~"))


async def _history(universe: Universe, strikes: list[tuple[int, str]]) -> None:
    process = Process(universe)
    for steps, strike in strikes:
        await virtual_loop().after_steps(steps)
        process = await _strike(universe, process, strike)
    universe.faults /= 3
    async with asyncio.timeout(_ENTIRELY):
        while not universe.is_over:
            await asyncio.sleep(1)
    await process.box.drain(_ENTIRELY)
    process.box.revoke([0, 1])


async def _strike(universe: Universe, process: Process, strike: str) -> Process:
    if strike == "crash":
        for task in tasks_but(asyncio.current_task()):
            task.cancel()
        return Process(universe)
    if strike == "zombie":
        return Process(universe)
    if strike == "fence":
        universe.store.epochs[0] += 1
        return process
    await process.rebalance(10.0 if strike == "rebalance" else 0.01)
    return process


def test_the_model_is_not_blind() -> None:
    """A store that acknowledges what it does not keep is noticed."""
    universe = Universe(0, 0.0)
    universe.produce("in", "a", "usual")
    universe.store.judge = lambda _: Outcome.WRITTEN
    with pytest.raises((TimeoutError, AssertionError)):
        virtual(_history)(universe, [])
