"""Batches of calls as ElevenLabs knows them. Read-only."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.errors import VENDOR, NotThere
from clients.vendor_json import Json
from schemas.errors import RetryableError

# ElevenLabs' default is 30; with this, a workspace with a thousand batches takes ten requests.
_PAGE_SIZE = 100
# No workspace has a hundred thousand batches, or leads of a campaign; this bounds a list that never ends.
_MOST_PAGES = 1000
_FOLDER = "/v1/convai/batch-calling"


Get = Callable[[str, dict[str, str]], Awaitable[Json | None]]


class Paging(NamedTuple):
    """A list's names for paging: `size` and `place` in a query, `following` (the next place) in an answer."""

    size: str
    place: str
    following: str


_BY_DOCUMENT = Paging("limit", "last_doc", "next_doc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBatch:
    """A batch without its recipients. `updated`: Unix seconds."""

    batch_id: str
    name: str
    updated: int


class ElevenLabsBatches:
    """One workspace's batches.

    Every method raises:
        RetryableError: no readable answer.
        TerminalError: refused.
    """

    def __init__(self, api: ElevenLabsApi) -> None:
        self._api = api

    async def find(self, batch_id: str) -> Json | None:
        """Return a batch with its recipients; None if there is none."""
        return await self._get(f"{_FOLDER}/{quote(batch_id, safe='')}")

    async def all(self) -> AsyncIterator[ListedBatch]:
        """List the workspace's batches, in ElevenLabs' order."""
        async for item in items(self._get, f"{_FOLDER}/workspace", "batch_calls", _BY_DOCUMENT):
            yield listed_batch(item, "id", "name", "last_updated_at_unix")

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Json | None:
        try:
            return await self._api.get(path, query)
        except NotThere:
            return None


async def items(
    get: Get, path: str, name: str, paging: Paging, query: Mapping[str, str] | None = None
) -> AsyncIterator[Any]:
    """Yield a list's items, which are under `name` in each page."""
    place: str | None = None
    for _ in range(_MOST_PAGES):
        of_page = {paging.size: str(_PAGE_SIZE)} | ({paging.place: place} if place else {})
        page = await get(path, of_page | dict(query or {})) or {}
        for item in page.get(name) or []:
            yield item
        place = page.get(paging.following)
        if not page.get("has_more") or not place:
            return


def listed_batch(item: Any, batch_id: str, name: str, updated: str) -> ListedBatch:  # noqa: ANN401 - JSON
    """Read an entry of a list. `batch_id`, `name`, `updated`: its keys for these.

    Raises:
        RetryableError: the entry does not have them.
    """
    try:
        return ListedBatch(batch_id=str(item[batch_id]), name=str(item[name]), updated=int(item[updated]))
    except (KeyError, TypeError, ValueError) as error:
        raise RetryableError(VENDOR, f"list not understood: {type(error).__name__}") from error
