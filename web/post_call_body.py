"""The body of a post-call webhook: up to hundreds of MB, of which little is worth keeping.

A transcript is kept, but only a few of the longest at once. A recording (`post_call_audio`) and whatever is
too large for a transcript only go through the check of their signature: ElevenLabs is answered 200, because
a webhook that keeps failing is switched off.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aiohttp import web

from clients.elevenlabs.signature import SignatureCheck

log = structlog.get_logger()

# An hour's transcript with its tools' results takes some 100 kB. Every connection may hold that much.
_SMALL = 128 * 1024
# A day's transcript, with larger results than any tool gives. They are parsed one after the other anyway.
_LARGEST_KEPT = 8 * 1024 * 1024
_MOST_LARGE = 2
# A recording has some MB for ten minutes; this is more than a day.
_LARGEST = 512 * 1024 * 1024
# What is kept takes up a place; a recording takes up nothing but its connection.
_KEPT_SECONDS = 15.0
_SECONDS = 60.0
# How long a large body waits for a place, and how soon it may come again.
_PLACE_SECONDS = 5.0
_RETRY_AFTER_SECONDS = 30
# ElevenLabs writes the type first; before it there may be other plain values.
_AUDIO = re.compile(rb'\s*\{(\s*"\w+"\s*:\s*("[^"\\]*"|[\w.+-]+)\s*,)*\s*"type"\s*:\s*"post_call_audio"')
_HEAD = 1024


class PostCallBodies:
    """Reads bodies of signed webhooks."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_MOST_LARGE)

    @asynccontextmanager
    async def read(self, request: web.Request, check: SignatureCheck) -> AsyncIterator[bytearray | None]:
        """Read a body and give `check` all of it; yield None if it was not kept.

        Raises:
            HTTPRequestEntityTooLarge: larger than anything that ElevenLabs sends.
            HTTPRequestTimeout: it did not come in time.
            HTTPServiceUnavailable: too many large ones at once.
        """
        declared = request.content_length or 0
        if declared > _LARGEST:
            raise web.HTTPRequestEntityTooLarge(_LARGEST, declared)
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout(_SECONDS) as bound:
                    body = await self._read(request, check, place, bound)
            except TimeoutError as error:
                raise web.HTTPRequestTimeout(text="the body did not come in time") from error
            yield body

    async def _read(
        self, request: web.Request, check: SignatureCheck, place: AsyncExitStack, bound: asyncio.Timeout
    ) -> bytearray | None:
        kept = _Kept(request.content_length or 0)
        has_place = kept.is_large and await self._take_place(place, bound)
        async for piece in request.content.iter_any():
            check.take(piece)
            kept.add(piece)
            has_place = has_place or (kept.is_large and await self._take_place(place, bound))
        return kept.body

    async def _take_place(self, place: AsyncExitStack, bound: asyncio.Timeout) -> bool:
        try:
            async with asyncio.timeout(_PLACE_SECONDS):
                await place.enter_async_context(self._places)
        except TimeoutError as error:
            log.warning("too many large post-call webhooks at once, one is to come again")
            again = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            raise web.HTTPServiceUnavailable(text="too many large bodies at once", headers=again) from error
        bound.reschedule(asyncio.get_running_loop().time() + _KEPT_SECONDS)
        return True


class _Kept:
    """What is kept of a body: all of it, or nothing."""

    def __init__(self, declared: int) -> None:
        self._size = 0
        self._declared = declared
        self.body: bytearray | None = None if declared > _LARGEST_KEPT else bytearray()

    def add(self, piece: bytes) -> None:
        before = self._size
        self._size += len(piece)
        if self._size > _LARGEST:
            raise web.HTTPRequestEntityTooLarge(_LARGEST, self._size)
        if self.body is not None:
            self.body += piece
            is_audio = before < _HEAD and _AUDIO.match(self.body[:_HEAD])
            if is_audio or self._size > _LARGEST_KEPT:
                self.body = None

    @property
    def is_large(self) -> bool:
        """Whether so much is kept, or will be, that only a few bodies may."""
        return self.body is not None and max(self._size, self._declared) > _SMALL
