"""Items that meet share one call, patient ones wait for company, and one failure affects no other."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.group_commit import GroupCommit
from tests.unit.mailboxes.setting import turns
from tests.unit.mailboxes.virtual_time import now, virtual


class Log:
    """What is appended, when, and what fails."""

    def __init__(self, seconds: float = 0.0, bad: frozenset[int] = frozenset()) -> None:
        self.seconds, self.bad = seconds, bad
        self.groups: list[tuple[float, list[int]]] = []

    async def append(self, items: list[int]) -> Sequence[int | Exception]:
        self.groups.append((now(), list(items)))
        await asyncio.sleep(self.seconds)
        if self.bad & set(items):
            raise ValueError("bad")
        return [item * 10 for item in items]

    @property
    def sizes(self) -> list[int]:
        return [len(items) for _, items in self.groups]


@virtual
async def test_what_meets_shares_one_call() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10)
    assert await asyncio.gather(*(group.submit(number) for number in range(4))) == [0, 10, 20, 30]
    assert log.sizes == [4]
    assert now() == 0


@virtual
async def test_a_group_has_a_bound_and_the_next_gathers_meanwhile() -> None:
    log = Log(seconds=1)
    group = GroupCommit(log.append, max_group=3, at_once=1)
    results = [group.submit(number) for number in range(7)]
    await asyncio.sleep(0.5)
    results += [group.submit(number) for number in range(7, 9)]
    await asyncio.gather(*results)
    assert [items for _, items in log.groups] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@virtual
async def test_groups_at_once() -> None:
    log = Log(seconds=1)
    group = GroupCommit(log.append, max_group=1, at_once=2)
    await asyncio.gather(*(group.submit(number) for number in range(4)))
    assert [when for when, _ in log.groups] == [0, 0, 1, 1]


@virtual
async def test_the_patient_wait_for_company_and_no_longer() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10, max_wait=0.025)
    alone = group.submit(1, patient=True)
    await asyncio.sleep(0.02)
    joined = group.submit(2, patient=True)
    await asyncio.gather(alone, joined)
    assert log.groups == [(0.025, [1, 2])]


@virtual
async def test_one_in_a_hurry_takes_all_who_wait_along() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10, max_wait=0.025)
    patient = group.submit(1, patient=True)
    await asyncio.sleep(0.01)
    hurried = group.submit(2)
    await asyncio.gather(patient, hurried)
    later = group.submit(3, patient=True)
    await later
    assert log.groups == [(0.01, [1, 2]), (pytest.approx(0.035), [3])]


@virtual
async def test_who_waits_already_is_hurried_and_not_doubled() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10, max_wait=0.025)
    first = group.submit(1, patient=True)
    assert group.submit(1) is first
    await first
    assert log.groups == [(0, [1])]


@virtual
async def test_a_full_group_waits_for_nobody() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=2, max_wait=10)
    await asyncio.gather(group.submit(1, patient=True), group.submit(2, patient=True))
    assert log.groups == [(0, [1, 2])]


@given(st.integers(1, 40), st.frozensets(st.integers(0, 39), max_size=4))
def test_one_failure_is_nobody_elses(count: int, bad: frozenset[int]) -> None:
    @virtual
    async def play() -> None:
        group = GroupCommit(Log(bad=bad).append, max_group=50)
        results = await asyncio.gather(
            *(group.submit(number) for number in range(count)), return_exceptions=True
        )
        for number, result in enumerate(results):
            assert isinstance(result, ValueError) if number in bad else result == number * 10

    play()


@virtual
async def test_an_outcome_can_be_an_exception() -> None:
    async def append(items: list[int]) -> Sequence[int | Exception]:
        return [KeyError(item) if item == 1 else item for item in items]

    group = GroupCommit(append, max_group=10)
    one, two = group.submit(1), group.submit(2)
    assert await two == 2
    with pytest.raises(KeyError):
        await one


@virtual
async def test_too_few_outcomes_are_a_failure_of_all() -> None:
    async def append(items: list[int]) -> Sequence[int]:
        return []

    group = GroupCommit(append, max_group=10)
    results = await asyncio.gather(group.submit(1), group.submit(2), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]


@virtual
async def test_who_no_longer_waits_is_left_out() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10)
    waiting = asyncio.create_task(_submit(group, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await turns()
    assert log.groups == []


async def _submit(group: GroupCommit[int, int], item: int) -> int:
    return await group.submit(item)


@virtual
async def test_after_a_large_group_the_next_waits_for_company() -> None:
    """Six of ten keep the slot for five tenths of what a patient item waits; one alone for no time."""
    log = Log()
    group = GroupCommit(log.append, max_group=10, max_wait=1.0)
    await asyncio.gather(*(group.submit(number) for number in range(6)))
    first = group.submit(6)
    await asyncio.sleep(0.25)
    await asyncio.gather(first, group.submit(7))
    assert log.groups[1:] == [(0.5, [6, 7])]
    await asyncio.sleep(0.1)
    await group.submit(8)
    await group.submit(9)
    assert log.groups[2:] == [(0.6, [8]), (0.6, [9])]


@virtual
async def test_of_several_slots_each_stays_longer() -> None:
    log = Log()
    group = GroupCommit(log.append, max_group=10, max_wait=1.0, at_once=2)
    await asyncio.gather(*(group.submit(number) for number in range(6)))
    await asyncio.gather(*(group.submit(number) for number in range(6, 12)))
    await group.submit(12)
    assert [when for when, _ in log.groups] == [0, 0, 1.0]


@virtual
async def test_where_a_full_group_waits_the_next_begins_at_once() -> None:
    log = Log(seconds=1)
    group = GroupCommit(log.append, max_group=4, max_wait=1.0)
    first = [group.submit(number) for number in range(4)]
    await asyncio.sleep(0.5)
    await asyncio.gather(*first, *(group.submit(number) for number in range(4, 9)))
    assert log.groups == [(0, [0, 1, 2, 3]), (1, [4, 5, 6, 7]), (2.75, [8])]
