"""The tasks a process lives by: the end of one, or a signal, ends the process with the right code."""

import asyncio

from structlog.testing import capture_logs

from process.life import SideTasks
from schemas.errors import ConfigurationError


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise OSError("disk")


async def _stubborn(release: asyncio.Event) -> None:
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue


async def test_a_signal_ends_all_with_0() -> None:
    stop = asyncio.Event()
    tasks = SideTasks(stop, [_for_ever(), _for_ever()])
    stop.set()
    await tasks.wait()
    assert await tasks.end() == 0


async def test_one_that_fails_ends_all_with_1_and_is_named() -> None:
    tasks = SideTasks(asyncio.Event(), [_for_ever(), _fails()])
    with capture_logs() as logs:
        await tasks.wait()
        assert await tasks.end() == 1
    assert [(line["event"], line["task"]) for line in logs] == [("side task failed", "_fails")]


async def _finds_a_wrong_setting() -> None:
    raise ConfigurationError("TOPIC: wrong")


async def test_a_wrong_setting_is_kept_for_the_end() -> None:
    tasks = SideTasks(asyncio.Event(), [_for_ever(), _finds_a_wrong_setting()])
    with capture_logs() as logs:
        await tasks.wait()
        assert await tasks.end() == 1
    assert (logs, str(tasks.misconfigured)) == ([], "TOPIC: wrong")


async def test_one_that_does_not_heed_its_end_is_left_alone() -> None:
    stop, release = asyncio.Event(), asyncio.Event()
    tasks = SideTasks(stop, [_stubborn(release)])
    stop.set()
    await tasks.wait()
    assert await tasks.end(0.01) == 0
    release.set()
