"""Posts signed forms to the service as Twilio does."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from local.twilio.settings import TwilioSettings
from local.twilio.signing import signature, signed_form_of

# Twilio's defaults (webhooks-connection-overrides): 5 s to connect, 15 s in all, one retry and only of a
# failed connection.
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_CONNECT_TRIES = 2
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HEADERS = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a post. `status`: HTTP's, 0 when there was no answer; `why` says why not."""

    status: int
    body: str = ""
    why: str | None = None


class Poster:
    """One session to the service."""

    def __init__(self, settings: TwilioSettings) -> None:
        target = urlsplit(settings.webhook_url)
        self._token = settings.auth_token
        self._local = f"{target.scheme}://{target.netloc}"
        self._public = (settings.public_url or "").rstrip("/")
        # A simulator must not call strangers: only the service's host and this machine are called.
        self._hosts = _LOOPBACK | {target.hostname or ""}
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, params: Mapping[str, str], event: str) -> Delivery:
        """Post and read the answer. `event`: the idempotency token, the same for all tries of one event."""
        public, called = self._addresses(signed_form_of(url))
        if urlsplit(called).hostname not in self._hosts:
            return Delivery(0, why="not a host of this machine")
        headers = _HEADERS | {
            "X-Twilio-Signature": signature(self._token, public, params),
            "I-Twilio-Idempotency-Token": event,
        }
        delivery = Delivery(0)
        for _ in range(_CONNECT_TRIES):
            delivery = await self._once(called, params, headers)
            if delivery.why != "connect":
                break
        return delivery

    def _addresses(self, url: str) -> tuple[str, str]:
        """Give the URL as the service believes to be called, and as it is reached."""
        if not self._public:
            return url, url
        local = self._local + url.removeprefix(self._public) if url.startswith(self._public + "/") else url
        return self._public + local.removeprefix(self._local) if local.startswith(self._local) else url, local

    async def _once(self, url: str, params: Mapping[str, str], headers: dict[str, str]) -> Delivery:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)  # Twilio's callers are many; the service must bear it
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector)
        try:
            async with self._session.post(url, data=params, headers=headers) as response:
                return Delivery(response.status, await response.text())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return Delivery(0, why="connect")
        except TimeoutError:
            return Delivery(0, why="timeout")
        except aiohttp.ClientError:
            return Delivery(0, why="broken off")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
