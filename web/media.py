"""`GET /api/conversations/{phoneNumber}/media/{messageSid}/{index}`: a client's file, fetched on demand.

Its URL comes from the stored webhook.
"""

import re
from typing import Protocol

from aiohttp import web

from clients.twilio.media import File
from db.readers.gateway import MESSAGE_PARAMS
from schemas.errors import RetryableError, TerminalError
from schemas.phone import conversation_key
from web.answers import failure
from web.conversations import Rows

_INDEX = re.compile(r"0|[1-9][0-9]?")
_NOT_FOUND, _BAD_GATEWAY = web.HTTPNotFound.status_code, web.HTTPBadGateway.status_code


class Files(Protocol):
    """See `clients.twilio.media.TwilioMedia`."""

    async def fetch(self, url: str) -> File: ...


class NotAvailable(Exception):
    """A file cannot be given: `status` is 404 if there is none (any more), else 502."""

    def __init__(self, status: int, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


class Media:
    """Serves clients' files, for the API and for the operators' pages."""

    def __init__(self, database: Rows, files: Files) -> None:
        self._database = database
        self._files = files

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer with the file."""
        where = request.match_info
        try:
            return await self.fetch(where["phone"], where["sid"], where["index"])
        except NotAvailable as error:
            title = "Media not found" if error.status == _NOT_FOUND else "Media not available"
            return failure(error.status, title, error.details)

    async def fetch(self, phone: str, sid: str, index: str) -> web.Response:
        """Return a file as an answer, never as something that a browser would run.

        Raises:
            NotAvailable: there is none, it is not ours, or it cannot be fetched now.
        """
        url = await self._url(phone, sid, index)
        try:
            file = await self._files.fetch(url)
        except TerminalError as error:
            raise NotAvailable(_NOT_FOUND, str(error)) from error
        except RetryableError as error:
            raise NotAvailable(_BAD_GATEWAY, str(error)) from error
        headers = {"Content-Type": file.content_type}
        headers |= {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=file.body, headers=headers)

    async def _url(self, phone: str, sid: str, index: str) -> str:
        row = await self._database.row(MESSAGE_PARAMS, conversation_key(phone), sid)
        url = (row.params or {}).get(f"MediaUrl{index}") if row and _INDEX.fullmatch(index) else None
        if not url:
            raise NotAvailable(_NOT_FOUND, "no such message, or it has no such file")
        return str(url)
