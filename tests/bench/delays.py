"""How long things wait for a turn of an event loop: the driver's own, and the product's by its `/live`."""

import asyncio
import time
from collections.abc import Mapping

import aiohttp

_TICK_SECONDS = 0.01
_PROBE_SECONDS = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def own_delay(found: list[float]) -> None:
    """Record how late a short sleep ends, again and again until cancelled."""
    while True:
        due = time.monotonic() + _TICK_SECONDS
        await asyncio.sleep(_TICK_SECONDS)
        found.append(time.monotonic() - due)


async def probe(urls: Mapping[str, str], found: Mapping[str, list[float]]) -> None:
    """Request `/live` from each process ten times a second until cancelled, and record how long it took."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        await asyncio.gather(*(_probe(session, f"{url}/live", found[name]) for name, url in urls.items()))


async def _probe(session: aiohttp.ClientSession, url: str, found: list[float]) -> None:
    while True:
        begun = time.monotonic()
        try:
            async with session.get(url) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            found.append(float(_TIMEOUT.total or 0))
        else:
            found.append(time.monotonic() - begun)
        await asyncio.sleep(_PROBE_SECONDS)
