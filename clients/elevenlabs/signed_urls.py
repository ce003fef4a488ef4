"""Where text conversations with an agent begin: its signed URL, asked for once for many conversations.

A signed URL may begin any number of conversations for 15 minutes; only one that names its conversation's id is good once
(get-signed-url, `include_conversation_id`). To ask for one each time costs each client a round trip of the vendor's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from yarl import URL

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.errors import VENDOR, Forbidden
from clients.vendor_json import words
from schemas.errors import RetryableError, VendorError

# A third of how long one is good: whoever asks then renews it, and everybody else goes on with the old one.
_RENEWED_SECONDS = 300.0
# Two thirds: what is left covers a difference of the clocks and a slow handshake.
_LONGEST_USE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Address:
    """`fetched_at`: steady seconds."""

    url: str
    headers: dict[str, str]
    fetched_at: float


class SignedUrls:
    """Signed URLs by agent; where our key may not sign, the plain URL with the key as its header."""

    def __init__(self, api: ElevenLabsApi, steady: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._steady = steady
        self._known: dict[str, Address] = {}
        self._renewing: set[str] = set()

    async def of(self, agent_id: str) -> Address:
        """Return an agent's address.

        Raises:
            RetryableError, TerminalError: there is none that is good, and ElevenLabs gave no other.
        """
        known = self._known.get(agent_id)
        age = self._steady() - known.fetched_at if known is not None else _LONGEST_USE_SECONDS
        if known is None or age >= _LONGEST_USE_SECONDS:
            return await self._fetched(agent_id)
        if age >= _RENEWED_SECONDS and agent_id not in self._renewing:
            return await self._renewed(agent_id, known)
        return known

    def drop(self, agent_id: str, address: Address) -> None:
        """Forget an address under which no conversation began."""
        if self._known.get(agent_id) is address:
            del self._known[agent_id]

    async def _renewed(self, agent_id: str, known: Address) -> Address:
        self._renewing.add(agent_id)
        try:
            return await self._fetched(agent_id)
        except VendorError:
            return known
        finally:
            self._renewing.discard(agent_id)

    async def _fetched(self, agent_id: str) -> Address:
        at = self._steady()
        try:
            answer = await self._api.get("/v1/convai/conversation/get-signed-url", {"agent_id": agent_id})
        except Forbidden:
            plain = URL(f"{self._api.base}/v1/convai/conversation").with_query({"agent_id": agent_id})
            address = Address(str(plain), self._api.headers, at)
        else:
            if not (signed := words(answer, "signed_url")):
                raise RetryableError(VENDOR, "answered no signed URL")
            address = Address(signed, {}, at)
        self._known[agent_id] = address
        return address
