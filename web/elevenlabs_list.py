"""Calls and batches as ElevenLabs knows them. Reading only, like `web.twilio_list`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from schemas.documents import parse_object
from schemas.errors import InvalidInput, RetryableError, TerminalError
from schemas.settings import Settings

Json = dict[str, Any]
VENDOR = "elevenlabs"
# ElevenLabs' default is 30; a workspace with a thousand batches is ten requests.
_PAGE_SIZE = 100
# A hundred thousand batches are no workspace; it bounds a list that never ends.
_MOST_PAGES = 1000
# A batch of some thousand recipients, or an hour's transcript, takes some seconds.
_TIMEOUT = aiohttp.ClientTimeout(total=30.0, connect=5.0)
_ABSENT = frozenset({404, 405})
_FINAL = range(400, 500)
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
            async with self._session.get(
                f"{self._base}{path}", params=query, headers=self._headers, allow_redirects=False, timeout=_TIMEOUT
            ) as response:
                body = await response.read()
            if response.status == 200:
                return parse_object(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error
        except InvalidInput as error:
            raise RetryableError(VENDOR, "answered no JSON object") from error
        if response.status in _ABSENT:
            return None
        refused = response.status in _FINAL and response.status not in _PASSING
        raise (TerminalError if refused else RetryableError)(VENDOR, f"HTTP {response.status}", response.status)


def _listed(item: Any) -> ListedBatch:  # noqa: ANN401 - a vendor's JSON
    try:
        return ListedBatch(batch_id=str(item["id"]), name=str(item["name"]), updated=int(item["last_updated_at_unix"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RetryableError(VENDOR, f"list not understood: {type(error).__name__}") from error
