"""A topic is followed beside Faust; a client that does not stop in order ends nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.engine import following


async def cancels() -> None:
    raise asyncio.CancelledError


async def fails() -> None:
    raise OSError


async def ends() -> None:
    """Stop in order."""


@pytest.mark.parametrize("stop", [cancels, fails, ends])
async def test_whatever_stopping_comes_to_whoever_followed_goes_on(
    stop: Callable[[], Awaitable[None]],
) -> None:
    await following._stop(cast(Any, SimpleNamespace(stop=stop)))
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
