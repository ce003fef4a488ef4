"""`GET /api/conversations/{phoneNumber}/media/{messageSid}/{index}`: a client's file, fetched on demand.

The URL comes from the stored webhook. It is called only on Twilio's own host and under our own account; Twilio sends the
reader on to its file server, which is called without our credentials.
"""

import asyncio
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from db.queries import load
from schemas.phone import conversation_key
from schemas.settings import Settings
from web.answers import failure
from web.conversations import Rows

_sql = load("gateway")

# WhatsApp's own bound of what Twilio takes.
_LARGEST_FILE = 16 * 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_read=10.0)
# Files are held whole for a moment: so many at once are 64 MB.
_MOST_AT_ONCE = 4
_FILE_HOSTS = (".twilio.com", ".twiliocdn.com")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_INDEX_DIGITS = 2
_NOT_FOUND, _BAD_GATEWAY = web.HTTPNotFound.status_code, web.HTTPBadGateway.status_code


class NotToBeHad(Exception):
    """A file cannot be given: `status` 404 where there is none (any more), else 502."""

    def __init__(self, status: int, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


class Media:
    """Fetches files."""

    def __init__(self, settings: Settings, database: Rows, session: aiohttp.ClientSession) -> None:
        account = settings.twilio_account_sid or ""
        self._auth = aiohttp.encode_basic_auth(account, settings.twilio_auth_token or "")
        self._ours = URL(settings.twilio_api_base_url)
        self._folder = f"/2010-04-01/Accounts/{account}/Messages/"
        self._database = database
        self._session = session
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer with the file."""
        where = request.match_info
        try:
            return await self.fetch(where["phone"], where["sid"], where["index"])
        except NotToBeHad as error:
            return failure(
                error.status, f"Media not {'found' if error.status == _NOT_FOUND else 'available'}", error.details
            )

    async def fetch(self, phone: str, sid: str, index: str) -> web.Response:
        """Give a file as an answer, never as something that a browser would run.

        Raises:
            NotToBeHad: there is none, it is not ours, or Twilio does not give it.
        """
        row = await self._database.row(_sql.message_params, conversation_key(phone), sid)
        is_index = index.isascii() and index.isdecimal() and len(index) <= _MOST_INDEX_DIGITS
        url = row["params"].get(f"MediaUrl{int(index)}") if row and is_index else None
        if not url:
            raise NotToBeHad(_NOT_FOUND, "no such message, or it has no such file")
        if not self.is_twilios(url):
            raise NotToBeHad(_NOT_FOUND, "the file is not at Twilio under our account")
        async with self._places:
            try:
                return await self._fetched(URL(url))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise NotToBeHad(_BAD_GATEWAY, f"Twilio: {type(error).__name__}") from error

    def is_twilios(self, url: str) -> bool:
        """Tell whether a URL is one of our account's files on Twilio's own host."""
        try:
            parts = URL(url)
            same = (parts.scheme, parts.host, parts.port) == (self._ours.scheme, self._ours.host, self._ours.port)
        except ValueError:
            return False
        return same and parts.user is None and parts.path.startswith(self._folder) and ".." not in parts.path

    def is_file_host(self, url: URL) -> bool:
        """Tell whether Twilio may send a reader on to a URL."""
        if (url.scheme, url.host, url.port) == (self._ours.scheme, self._ours.host, self._ours.port):
            return True
        return url.scheme == "https" and f".{url.host or ''}".endswith(_FILE_HOSTS)

    async def _fetched(self, url: URL) -> web.Response:
        async with self._session.get(
            url, headers={"Authorization": self._auth}, timeout=_TIMEOUT, allow_redirects=False
        ) as response:
            if response.status not in _REDIRECTS:
                return await _answer(response)
            onward = url.join(URL(response.headers.get("Location", "")))
        if not self.is_file_host(onward):
            raise NotToBeHad(_BAD_GATEWAY, f"Twilio sent us to {urlsplit(str(onward)).hostname}")
        async with self._session.get(onward, timeout=_TIMEOUT, allow_redirects=False) as response:
            return await _answer(response)


async def _answer(response: aiohttp.ClientResponse) -> web.Response:
    if response.status in (404, 410):
        raise NotToBeHad(_NOT_FOUND, "Twilio has it no more")
    if response.status != 200:
        raise NotToBeHad(_BAD_GATEWAY, f"Twilio answered {response.status}")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_FILE:
            raise NotToBeHad(_BAD_GATEWAY, f"larger than {_LARGEST_FILE} bytes")
    headers = {"Content-Type": response.headers.get("Content-Type", "application/octet-stream")}
    headers |= {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=bytes(body), headers=headers)
