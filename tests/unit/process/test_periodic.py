"""Work that is repeated: what ends it and what does not."""

import asyncio

import pytest
from structlog.testing import capture_logs

from process.periodic import every
from schemas.errors import Unavailable


class Work:
    """Comes to its outcomes one after the other, and to an end that nobody forgives."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.left = list(outcomes)
        self.done = 0

    async def __call__(self) -> None:
        if not self.left:
            raise KeyError("over")
        self.done += 1
        if (error := self.left.pop(0)) is not None:
            raise error


async def test_it_goes_on_after_what_is_forgiven_and_says_so() -> None:
    work = Work(None, Unavailable("Postgres does not answer"), OSError("postgresql://me:secret@db"), None)
    with capture_logs() as logs, pytest.raises(KeyError):
        await every(0.0, work, forgive=(Unavailable, OSError), problem="rows could not be looked up")
    assert work.done == 4
    assert [(line["event"], line["why"]) for line in logs] == [
        ("rows could not be looked up", "Postgres does not answer"),
        ("rows could not be looked up", "OSError"),
    ]


async def test_it_ends_with_what_is_not_forgiven() -> None:
    with pytest.raises(OSError, match="other"):
        await every(0.0, Work(OSError("other")), forgive=(Unavailable,))


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_first_time_comes_at_once_or_after_a_wait(at_once: bool) -> None:
    work = Work(None)
    working = asyncio.create_task(every(3600.0, work, at_once=at_once))
    for _ in range(3):
        await asyncio.sleep(0)
    assert work.done == int(at_once)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
