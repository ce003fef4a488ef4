"""Calls and batches as ElevenLabs knows them. Reading only, like `web.twilio_list`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from schemas.errors import RetryableError, TerminalError
from schemas.settings import Settings
from web.vendor_reading import Json, read_object

VENDOR = "elevenlabs"
# ElevenLabs' default is 30; a workspace with a thousand batches is ten requests.
_PAGE_SIZE = 100
# A hundred thousand batches are no workspace; it bounds a list that never ends.
_MOST_PAGES = 1000
_ABSENT = frozenset({404, 405})
_PASSING = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBatch:
    """A batch without its recipients. `updated`: Unix seconds."""

    batch_id: str
    name: str
    updated: int


class ElevenLabsList:
    """One workspace's calls.

    Every method raises:
        RetryableError: no answer that could be read.
        TerminalError: refused.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._base = f"{settings.elevenlabs_api_base_url.rstrip('/')}/v1/convai"
        self._headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
        self._session = session

    async def call(self, conversation_id: str) -> Json | None:
        """Give a call as `GET conversations/{id}` tells of it; None where there is none."""
        return await self._get(f"/conversations/{quote(conversation_id, safe='')}")

    async def batch(self, batch_id: str) -> Json | None:
        """Give a batch with its recipients; None where there is none."""
        return await self._get(f"/batch-calling/{quote(batch_id, safe='')}")

    async def batches(self) -> AsyncIterator[ListedBatch]:
        """List the workspace's batches, in ElevenLabs' order."""
        last: str | None = None
        for _ in range(_MOST_PAGES):
            query = {"limit": str(_PAGE_SIZE)} | ({"last_doc": last} if last else {})
            page = await self._get("/batch-calling/workspace", query) or {}
            for item in page.get("batch_calls") or []:
                yield _listed(item)
            last = page.get("next_doc")
            if not page.get("has_more") or not last:
                return

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Json | None:
        try:
            return await read_object(
                self._session, VENDOR, f"{self._base}{path}", self._headers, passing=_PASSING, query=query
            )
        except TerminalError as error:
            if error.code in _ABSENT:
                return None
            raise


def _listed(item: Any) -> ListedBatch:  # noqa: ANN401 - a vendor's JSON
    try:
        return ListedBatch(batch_id=str(item["id"]), name=str(item["name"]), updated=int(item["last_updated_at_unix"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RetryableError(VENDOR, f"list not understood: {type(error).__name__}") from error
