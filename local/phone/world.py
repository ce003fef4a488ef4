"""What the phone talks to: the service's endpoints, the simulated vendors, and the parts that can break."""

from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

Json = dict[str, Any]
# The service answers a call within 9 s whatever hangs. Twilio's simulator waits up to 15 s for the webhook.
_TIMEOUT = aiohttp.ClientTimeout(total=20)


class Parts(Protocol):
    """The parts that can be stopped; see `cli.parts`."""

    def running(self) -> dict[str, bool]: ...

    async def kill(self, part: str) -> None: ...

    async def start(self, part: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the endpoints are."""

    web_url: str
    #: The service's token.
    token: str
    twilio_url: str
    elevenlabs_url: str


class World:
    """Calls the endpoints.

    Every method raises `aiohttp.ClientError` or `TimeoutError` when an endpoint does not answer.
    """

    def __init__(self, addresses: Addresses, session: aiohttp.ClientSession) -> None:
        self._addresses = addresses
        self._session = session

    async def end_call(self, body: Json) -> tuple[int, Json]:
        """Post a completed call, as the backend does."""
        headers = {"X-Service-Token": self._addresses.token}
        url = f"{self._addresses.web_url}/api/call-completed"
        async with self._session.post(url, json=body, headers=headers, timeout=_TIMEOUT) as response:
            return response.status, await response.json()

    async def twilio(self, what: str, wanted: Json) -> Json:
        """Steer the simulated Twilio, for example its `inbound`, `faults` or `settings`."""
        return await self._steer(self._addresses.twilio_url, what, wanted)

    async def elevenlabs(self, what: str, wanted: Json) -> Json:
        """Steer the simulated ElevenLabs, for example its `calls`, `faults` or `settings`."""
        return await self._steer(self._addresses.elevenlabs_url, what, wanted)

    async def ledgers(self) -> tuple[list[Json], list[Json]]:
        """Return what passed through Twilio, and what the agent was asked."""
        return await self._ledger(self._addresses.twilio_url), await self._ledger(
            self._addresses.elevenlabs_url
        )

    async def _ledger(self, base: str) -> list[Json]:
        async with self._session.get(f"{base}/_sim/ledger", timeout=_TIMEOUT) as response:
            rows: list[Json] = await response.json()
            return rows

    async def _steer(self, base: str, what: str, wanted: Json) -> Json:
        async with self._session.post(f"{base}/_sim/{what}", json=wanted, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            answer: Json = await response.json()
            return answer
