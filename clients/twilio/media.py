"""Files that clients sent, as Twilio keeps them.

A file's URL is called only on one of Twilio's own hosts and under our own account. Twilio redirects to its
file server, which is called without our credentials.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from clients.http import BROKE_OFF, Answer, TooLarge, ask
from clients.twilio.api import VENDOR, TwilioApi
from schemas.errors import RetryableError, TerminalError

LARGEST_FILE = 16 * 1024 * 1024
"""WhatsApp's own limit for what Twilio takes."""

_TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_read=10.0)
# Files are held whole while they are fetched: so many at once are 64 MB. What slow readers are being sent
# comes on top.
_MOST_AT_ONCE = 4
# Longer than four files take from a host that answers; whoever waits sees a page without its pictures.
_PLACE_SECONDS = 10.0
# Hosts that are given our credentials.
_TWILIOS_OWN = ".twilio.com"
_FILE_HOSTS = (_TWILIOS_OWN, ".twiliocdn.com")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK, _GONE = 200, (404, 410)


@dataclass(frozen=True, slots=True)
class File:
    """A client's file. `content_type`: as Twilio's file server says."""

    body: bytes
    content_type: str


class TwilioMedia:
    """Fetches files, a few at once. A process must have only one, or the bound does not hold."""

    def __init__(self, api: TwilioApi, place_seconds: float = _PLACE_SECONDS) -> None:
        """`place_seconds`: the longest wait for others' files."""
        self._place_seconds = place_seconds
        self._api = api
        self._ours = URL(api.base)
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def fetch(self, url: str) -> File:
        """Return a file.

        Raises:
            TerminalError: it is not at Twilio under our account, or no longer is.
            RetryableError: Twilio does not give it now, or it is larger than WhatsApp's files are.
        """
        if not self.is_ours(url):
            raise TerminalError(VENDOR, "the file is not at Twilio under our account")
        async with self._place():
            try:
                return await self._fetched(URL(url))
            except TooLarge as error:
                raise RetryableError(VENDOR, f"larger than {LARGEST_FILE} bytes") from error
            except BROKE_OFF as error:
                raise RetryableError(VENDOR, type(error).__name__) from error

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._place_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise RetryableError(VENDOR, "is slow to give the files that are asked for already") from error
        try:
            yield
        finally:
            self._places.release()

    def is_ours(self, url: str) -> bool:
        """Return whether a URL is one of our account's files, on Twilio's own hosts of any region or edge."""
        try:
            parts = URL(url)
            same = self._is_api(parts) or _is_of(parts, _TWILIOS_OWN)
        except ValueError:
            return False
        folder = f"{self._api.folder}/Messages/"
        return same and parts.user is None and parts.path.startswith(folder) and ".." not in parts.path

    def is_file_host(self, url: URL) -> bool:
        """Return whether Twilio may redirect us to a URL."""
        return self._is_api(url) or _is_of(url, *_FILE_HOSTS)

    def _is_api(self, url: URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._ours.scheme, self._ours.host, self._ours.port)

    async def _fetched(self, url: URL) -> File:
        answer = await self._api.fetch(url, timeout=_TIMEOUT, most=LARGEST_FILE)
        if answer.status not in _REDIRECTS:
            return _file(answer)
        onward = url.join(URL(answer.headers.get("Location", "")))
        if not self.is_file_host(onward):
            raise RetryableError(VENDOR, f"sent us to {urlsplit(str(onward)).hostname}")
        return _file(await ask(self._api.session, "GET", onward, most=LARGEST_FILE, timeout=_TIMEOUT))


def _is_of(url: URL, *domains: str) -> bool:
    is_usual = url.scheme == "https" and url.port == url.with_port(None).port
    return is_usual and f".{url.host or ''}".endswith(domains)


def _file(answer: Answer) -> File:
    if answer.status in _GONE:
        raise TerminalError(VENDOR, "has it no more", answer.status)
    if answer.status != _OK:
        raise RetryableError(VENDOR, f"answered {answer.status}", answer.status)
    return File(answer.body, answer.headers.get("Content-Type", "application/octet-stream"))
