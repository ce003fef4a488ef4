"""Lets requests that come within a moment go on together, so that Kafka gets their events in one request."""

import asyncio


class Together:
    """`await together.wait()` returns for all who wait at the same moment, `seconds` after the first of them came."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._starting: asyncio.Event | None = None

    async def wait(self) -> None:
        """Wait for the others."""
        if self._starting is None:
            self._starting = asyncio.Event()
            asyncio.get_running_loop().call_later(self._seconds, self._start)
        await self._starting.wait()

    def _start(self) -> None:
        assert self._starting is not None, "made by the first who waits"
        self._starting.set()
        self._starting = None
