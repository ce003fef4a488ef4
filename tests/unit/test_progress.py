"""A worker is stuck if work waits and nothing moves; waiting for what is known to be away is moving."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaConnectionError

from streams.worker.progress import STILL_SECONDS, STUCK_SECONDS, Progress, disk_problem
from tests.support.deadline import eventually


@dataclass
class Part:
    moved_at: float


def still(seconds: float) -> Part:
    return Part(time.monotonic() - seconds)


async def watched(
    progress: Progress, behind: int | Exception, *, answers: bool = True, database: bool = True
) -> None:
    """Have it looked at once."""
    looked = asyncio.Event()

    async def look() -> int:
        looked.set()
        if isinstance(behind, Exception):
            raise behind
        return behind

    async def broker() -> bool:
        return answers

    async def postgres() -> bool:
        return database

    watching = asyncio.create_task(progress.watch(look, broker, postgres))
    await looked.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    watching.cancel()


async def test_stuck_is_waiting_events_and_no_move_of_any_part() -> None:
    progress = Progress([still(STUCK_SECONDS + 1), still(STUCK_SECONDS + 500)])
    progress._away_at = 0.0
    await watched(progress, 0)
    assert not progress.is_stuck()  # idle
    await watched(progress, 7)
    assert (progress.behind, progress.is_stuck()) == (7, True)


async def test_one_moving_part_is_enough() -> None:
    paused_vendor = still(1)
    progress = Progress([still(STUCK_SECONDS + 1), paused_vendor])
    progress._away_at = 0.0
    await watched(progress, 7)
    assert not progress.is_stuck()


async def test_a_broker_that_is_away_is_waited_for() -> None:
    progress = Progress([still(STUCK_SECONDS + 1)])
    progress._away_at = 0.0
    progress.behind = 7
    await watched(progress, KafkaConnectionError(), answers=False)

    async def moves() -> bool:
        return not progress.is_stuck()

    await eventually(moves)


async def test_a_database_that_is_away_is_waited_for() -> None:
    progress = Progress([still(STUCK_SECONDS + 1)])
    progress._away_at = 0.0
    await watched(progress, 7, database=False)
    assert (progress.behind, progress.is_stuck()) == (7, False)


async def test_a_consumer_that_cannot_tell_though_the_broker_answers_is_stuck() -> None:
    progress = Progress([still(STUCK_SECONDS + 1)])
    progress._away_at = 0.0
    await watched(progress, TimeoutError())
    assert progress.is_stuck()


async def looked(progress: Progress, behind: int | Exception, **answers: bool) -> list[str]:
    progress._away_at = 0.0
    await watched(progress, behind, **answers)
    return progress.standing()


async def test_what_waits_and_does_not_move_is_said_long_before_a_new_start_would_help() -> None:
    progress = Progress([still(STILL_SECONDS + 1)])
    assert await looked(progress, 0) == []  # idle
    assert await looked(progress, 7) == ["nothing moves"]
    assert not progress.is_stuck()
    assert await looked(Progress([still(STILL_SECONDS - 5)]), 7) == []


async def test_whoever_thinks_or_waits_for_the_next_try_does_not_stand_still() -> None:
    assert await looked(Progress([still(STILL_SECONDS + 1)], lambda: True), 7) == []


async def test_who_is_away_is_named_and_nothing_else_is_said_and_when_it_is_back_it_is_over() -> None:
    progress = Progress([still(STILL_SECONDS + 1)])
    progress.behind = 7
    assert await looked(progress, KafkaConnectionError(), answers=False) == ["Kafka does not answer"]
    assert await looked(progress, 0, database=False) == ["Postgres does not answer"]
    progress._parts = [still(0)]  # somebody else has moved: it is asked all the same
    assert await looked(progress, 0) == []


def test_a_folder_that_can_be_written_is_no_problem_and_one_that_is_not_there_is(tmp_path: Path) -> None:
    assert disk_problem(tmp_path) is None
    assert disk_problem(tmp_path / "gone") == "No such file or directory"
