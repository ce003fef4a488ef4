"""Waiting for what must come, instead of sleeping."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 30.0, every: float = 0.1) -> T:
    """Look until the result is true, and return it. Fail if that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := await look()):
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"did not come within {seconds} s: {look}") from None
    return found
