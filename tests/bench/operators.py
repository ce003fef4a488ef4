"""Operators for the bench: one who is signed in, and pages kept open as a browser keeps them."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp

# As in `web/ops/static/ops.js`: how long a page waits after a change before it refetches itself.
_PAUSE_SECONDS, _SPREAD_SECONDS = 0.7, 0.6
_PICTURE = re.compile(r'<img src="(/ops/[^"]+\.svg[^"]*)"')


@asynccontextmanager
async def signed_in(base: str, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session with the console's cookie."""
    jar = aiohttp.CookieJar(unsafe=True)  # the host is an IP address, not a name
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        base, cookie_jar=jar, connector=connector, headers={"Accept": "text/html"}
    ) as session:
        async with session.post("/ops/sign-in", data={"token": token}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/ops"), response.status
        yield session


async def seconds_of(session: aiohttp.ClientSession, path: str) -> float:
    """Fetch a page; return how long it took."""
    begun = time.monotonic()
    async with session.get(path, allow_redirects=False) as response:
        text = await response.text()
    assert response.status == 200, (path, response.status, text)
    return time.monotonic() - begun


class OpenPage:
    """A page that stays open: it listens, and on a change refetches itself and its new pictures."""

    def __init__(self, session: aiohttp.ClientSession, path: str, of: str) -> None:
        self._session = session
        self._path = path
        self._of = of
        self._pictures: set[str] = set()
        self.fetched = 0

    async def keep(self) -> None:
        """Stay open until cancelled."""
        changed = asyncio.Event()
        fetching = asyncio.create_task(self._fetch_after(changed))
        try:
            forever = aiohttp.ClientTimeout(total=None)
            headers = {"Accept": "text/event-stream"}
            async with self._session.get(
                "/ops/live", params={"of": self._of}, headers=headers, timeout=forever
            ) as stream:
                changed.set()
                async for line in stream.content:
                    if line.startswith(b"event: changed"):
                        changed.set()
        finally:
            fetching.cancel()
            with suppress(asyncio.CancelledError):
                await fetching

    async def _fetch_after(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            await asyncio.sleep(_PAUSE_SECONDS + random.random() * _SPREAD_SECONDS)
            changed.clear()
            async with self._session.get(self._path, headers={"X-Live": "1"}) as response:
                pictures = set(_PICTURE.findall(await response.text()))
            for picture in pictures - self._pictures:
                async with self._session.get(picture) as response:
                    await response.read()
            self._pictures = pictures
            self.fetched += 1
