"""How Twilio calls a webhook: signed, with the URL fragment's timeouts and retries; redirects become GET."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

_MS = 1000
# A webhook answers with a few kilobytes of TwiML at most (Twilio refuses more than 64 kB).
_LARGEST_ANSWER = 64 * 1024

Failure = Literal["", "ct", "rt", "4xx", "5xx"]
"""Why a try failed, in the terms of the fragment's `rp`: connect, read or status. Empty: it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Twilio's defaults, as changed by a fragment such as `#rc=3&rp=all`. Times are in milliseconds."""

    connect: int = 5000
    read: int = 15_000
    total: int = 15_000
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    def repeats(self, failure: Failure) -> bool:
        return bool(failure) and ("all" in self.policy or failure in self.policy)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered; `status` 0 means nothing."""

    status: int
    failure: Failure
    content_type: str = ""
    text: str = ""
    tries: int = 1


def parse_overrides(fragment: str) -> Overrides:
    """Read a URL's fragment. Values out of range become the nearest allowed, as far as documented."""
    given = {name: values[-1] for name, values in parse_qs(fragment).items()}
    return Overrides(
        connect=_bounded(given.get("ct"), 100, 10_000, 5000),
        read=_bounded(given.get("rt"), 100, 15_000, 15_000),
        total=_bounded(given.get("tt"), 100, 15_000, 15_000),
        retries=_bounded(given.get("rc"), 0, 5, 1),
        policy=frozenset(given.get("rp", "ct").split(",")),
    )


def _bounded(value: str | None, least: int, most: int, otherwise: int) -> int:
    return min(max(int(value), least), most) if value and value.isdigit() else otherwise


class Poster:
    """Posts over one kept-alive session."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, params: Mapping[str, str], token: str, signed_url: str = "") -> Answer:
        """Post as Twilio does.

        `token` is the account's; `signed_url` is what the signature covers if that is another address.
        """
        overrides = parse_overrides(urlsplit(url).fragment)
        headers = {
            "X-Twilio-Signature": RequestValidator(token).compute_signature(
                signed_url or _signable(url), dict(params)
            ),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
            "User-Agent": "TwilioProxy/1.1",
        }
        answer = Answer(0, "ct")
        try:
            async with asyncio.timeout(overrides.total / _MS):
                for tries in range(1, overrides.retries + 2):
                    answer = await self._try(url, params, headers, overrides, tries)
                    if not overrides.repeats(answer.failure):
                        break
        except TimeoutError:
            return Answer(0, "rt", tries=answer.tries)
        return answer

    async def _try(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        overrides: Overrides,
        tries: int,
    ) -> Answer:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=overrides.connect / _MS, sock_read=overrides.read / _MS
        )
        try:
            async with self._opened().post(
                URL(url).with_fragment(None), data=params, headers=headers, timeout=timeout
            ) as response:
                text = (await response.content.read(_LARGEST_ANSWER)).decode(errors="replace")
                return Answer(response.status, _failure(response.status), response.content_type, text, tries)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            return Answer(0, "ct", tries=tries)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Answer(0, "rt", tries=tries)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _signable(url: str) -> str:
    """Return the URL as it is signed: without fragment, user and password."""
    bare = URL(url, encoded=True)
    return str(bare.with_fragment(None).with_user(None)) if bare.fragment or bare.user else url


def _failure(status: int) -> Failure:
    if status >= 500:
        return "5xx"
    return "4xx" if status >= 400 else ""
