"""Where text conversations with an agent begin: its signed URL, requested once for many conversations.

A signed URL may begin any number of conversations for 15 minutes; only one that names its conversation's id
can be used just once (get-signed-url, `include_conversation_id`). A new one each time would cost every client
a round trip to the vendor.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from yarl import URL

from clients.elevenlabs.api import BEGIN_SECONDS, ElevenLabsApi
from clients.elevenlabs.errors import VENDOR, Forbidden
from clients.http import timeouts
from clients.vendor_json import words
from schemas.errors import RetryableError

log = structlog.get_logger()

# A third of a URL's life: from then on the next request renews it, and everyone uses the old one meanwhile.
_RENEWED_SECONDS = 300.0
# Two thirds: the rest covers a clock difference and a slow handshake.
_LONGEST_USE_SECONDS = 600.0
_TIMEOUT = timeouts(read_seconds=BEGIN_SECONDS, whole_seconds=2 * BEGIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Address:
    """An agent's address. `fetched_at`: steady seconds."""

    url: str
    headers: dict[str, str]
    fetched_at: float


class SignedUrls:
    """Signed URLs by agent; if our key may not sign, the plain URL with the key as a header."""

    def __init__(self, api: ElevenLabsApi, steady: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._steady = steady
        self._known: dict[str, Address] = {}
        self._fetching: dict[str, asyncio.Task[Address]] = {}

    def prepare(self, agent_id: str) -> None:
        """Have an agent's address fetched while its question is still being put together."""
        if self._age(agent_id) >= _RENEWED_SECONDS and agent_id not in self._fetching:
            fetching = self._fetching[agent_id] = asyncio.create_task(
                self._fetched(agent_id), name="signed URL"
            )
            fetching.add_done_callback(partial(self._has_ended, agent_id))

    async def of(self, agent_id: str) -> Address:
        """Return an agent's address. All who find none share one wait; nobody waits for a renewal.

        Raises:
            RetryableError, TerminalError: there is no valid address, and ElevenLabs gave no other.
        """
        self.prepare(agent_id)
        if self._age(agent_id) >= _LONGEST_USE_SECONDS:
            return await asyncio.shield(self._fetching[agent_id])
        return self._known[agent_id]

    def drop(self, agent_id: str, address: Address) -> None:
        """Forget an address under which no conversation began."""
        if self._known.get(agent_id) is address:
            del self._known[agent_id]

    def _age(self, agent_id: str) -> float:
        known = self._known.get(agent_id)
        return math.inf if known is None else self._steady() - known.fetched_at

    def _has_ended(self, agent_id: str, fetching: asyncio.Task[Address]) -> None:
        del self._fetching[agent_id]
        if not fetching.cancelled() and (error := fetching.exception()) is not None:
            log.debug("no signed URL", agent=agent_id, why=str(error))

    async def _fetched(self, agent_id: str) -> Address:
        at = self._steady()
        try:
            answer = await self._api.get(
                "/v1/convai/conversation/get-signed-url", {"agent_id": agent_id}, _TIMEOUT
            )
        except Forbidden:
            plain = URL(f"{self._api.base}/v1/convai/conversation").with_query({"agent_id": agent_id})
            address = Address(str(plain), self._api.headers, at)
        else:
            if not (signed := words(answer, "signed_url")):
                raise RetryableError(VENDOR, "answered no signed URL")
            address = Address(signed, {}, at)
        self._known[agent_id] = address
        return address
