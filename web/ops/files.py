"""Clients' files in the console: named beside the message, fetched through our host when opened."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from schemas.errors import InvalidInput
from schemas.query import whole
from web.media import Media, NotAvailable
from web.ops.pages import Page, page

log = structlog.get_logger()

_PAGE = Page("problem.html", "The file is not there", "conversations")
# What Twilio's channels allow; WhatsApp has one per message.
_MOST = 10
_GONE = "Twilio does not have this file any more. What it was stands in the conversation."
_AWAY = "Twilio does not give this file now. Try again in a moment."
_SHOWN = ("image", "audio", "video")


@dataclass(frozen=True, slots=True)
class File:
    """A client's file."""

    index: int
    #: image, audio, video, or file for everything that a page does not show.
    kind: str
    #: The client's own word.
    type: str


def files_of(params: Mapping[str, str] | None) -> list[File]:
    """Return the files that Twilio's parameters list. Pure."""
    count = (params or {}).get("NumMedia", "0")
    return [
        _file(index, (params or {}).get(f"MediaContentType{index}", ""))
        for index in range(min(_number(count), _MOST))
    ]


def _file(index: int, content_type: str) -> File:
    kind = content_type.partition("/")[0].lower()
    return File(index, kind if kind in _SHOWN else "file", content_type or "?")


def _number(text: str) -> int:
    """Read a number from outside, stored as it came. Nonsense counts as no file."""
    try:
        return whole("NumMedia", text)
    except InvalidInput:
        return 0


class Files:
    """`/ops/conversations/{phone}/media/{sid}/{index}`."""

    def __init__(self, media: Media) -> None:
        self._media = media

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer with the file, or with a sentence that says why not."""
        where = request.match_info
        try:
            return await self._media.fetch(where["phone"], where["sid"], where["index"])
        except NotAvailable as error:
            log.warning("a client's file is not available", why=error.details)
            problem = _GONE if error.status == web.HTTPNotFound.status_code else _AWAY
            return page(request, _PAGE, {"problem": problem}, error.status)
