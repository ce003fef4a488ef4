"""A worker is stuck when something waits and nothing moves; waiting for what is known to be away is moving."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaConnectionError

from streams.worker.disk import disk_problem
from streams.worker.progress import STUCK_SECONDS, Progress
from tests.support.deadline import eventually


@dataclass
class Part:
    moved_at: float


def still(seconds: float) -> Part:
    return Part(time.monotonic() - seconds)


async def watched(progress: Progress, behind: int | Exception, *, answers: bool = True) -> None:
    """Have it looked at once."""
    looked = asyncio.Event()

    async def look() -> int:
        looked.set()
        if isinstance(behind, Exception):
            raise behind
        return behind

    async def broker() -> bool:
        return answers

    watching = asyncio.create_task(progress.watch(look, broker))
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


async def test_a_consumer_that_cannot_tell_though_the_broker_answers_is_stuck() -> None:
    progress = Progress([still(STUCK_SECONDS + 1)])
    progress._away_at = 0.0
    await watched(progress, TimeoutError())
    assert progress.is_stuck()


def test_a_folder_that_can_be_written_is_no_problem_and_one_that_is_not_there_is(tmp_path: Path) -> None:
    assert disk_problem(tmp_path) is None
    assert disk_problem(tmp_path / "gone") == "No such file or directory"
