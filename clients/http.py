"""HTTP as all our clients speak it: one way to set up sessions, bounded answers, no redirects.

aiohttp repeats a request by itself only for idempotent methods (client.py, IDEMPOTENT_METHODS). A POST on a
kept-alive connection that turns out to be closed raises `ServerDisconnectedError` or `ClientOSError` instead,
which is not among `NOTHING_WAS_SENT`. Redirects are never followed: 307 and 308 would repeat the POST, and a
vendor's credentials would go wherever an answer points.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from clients.vendor_json import Json, parse_vendor_object

# Waiting for a place in the pool and connecting; under `total`, so that it can be told from a slow answer.
_POOL_SECONDS = 10.0
# A TLS handshake across the Atlantic takes 0.3 s; more than this is an outage.
_CONNECT_SECONDS = 5.0
# Vendors close idle connections after a minute or so; we close them earlier, so none is cut during reuse.
_KEEPALIVE_SECONDS = 20.0
# Vendors' hosts move behind load balancers within minutes; aiohttp's 10 s would keep the resolver busy.
_DNS_SECONDS = 60

# A long call's conversation with its tools' results, or a thousand listed messages, is a few megabytes.
# Nothing that we ask has a larger answer.
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024

CREDENTIALS_PAUSE_SECONDS = 30.0
"""How long a vendor that refuses our credentials is left alone: a person must act, seconds do not matter."""

NOTHING_WAS_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Failures before any byte of the request was written: both are raised while connecting."""

BROKE_OFF = (aiohttp.ClientError, TimeoutError, OSError)
"""Any failure of a request; outside `NOTHING_WAS_SENT` its outcome is unknown."""

NO_ANSWER = (*BROKE_OFF, ValueError)
"""`BROKE_OFF` and what `Answer.json` raises: nothing readable came back."""


def at_any_time() -> bool:
    """Return True: what nobody else could have sent in the meantime never grows too old."""
    return True


class GuardedBody(aiohttp.BytesPayload):
    """A body that may grow too old to be sent. `is_withheld`: it was not sent.

    aiohttp holds a request's head back until its body is written, and a small body leaves with it in one
    call, so nothing else can run between `may_leave` and the kernel.
    """

    def __init__(self, body: bytes, may_leave: Callable[[], bool]) -> None:
        super().__init__(body)
        self._may_leave = may_leave
        self.is_withheld = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, or raise, which closes the connection."""
        self.is_withheld = not self._may_leave()
        if self.is_withheld:
            raise TimeoutError("too old to be sent")
        await super().write_with_length(writer, content_length)


class TooLarge(aiohttp.ClientError):
    """An answer is larger than any answer should be."""


class Redirected(aiohttp.ClientError):
    """An answer redirects, which none may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `body`: within its bound."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Json:
        """Return the JSON object.

        Raises:
            ValueError: not JSON, or not an object.
        """
        return parse_vendor_object(self.body)

    @property
    def retry_after(self) -> float | None:
        """The seconds of `Retry-After`, which is a number or a date; None if it is neither."""
        value = self.headers.get("Retry-After", "")
        try:
            seconds = float(value)
        except ValueError:
            return _until(value)
        return seconds if 0 <= seconds < float("inf") else None


def timeouts(*, read_seconds: float, whole_seconds: float) -> aiohttp.ClientTimeout:
    """Return a vendor's time-outs, naming all four phases.

    `whole_seconds`: of a whole request, waiting for a place in the pool included.
    """
    return aiohttp.ClientTimeout(
        total=whole_seconds, connect=_POOL_SECONDS, sock_connect=_CONNECT_SECONDS, sock_read=read_seconds
    )


def open_session(timeout: aiohttp.ClientTimeout, most: int) -> aiohttp.ClientSession:
    """Open a kept-alive session of at most `most` connections; must be called inside a running loop."""
    connector = aiohttp.TCPConnector(
        limit=most, keepalive_timeout=_KEEPALIVE_SECONDS, ttl_dns_cache=_DNS_SECONDS
    )
    # No cookies: the answer to one person's request must not affect another's.
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[_no_redirects()],
    )


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuse redirects: a WebSocket's handshake follows them unasked, and takes its headers along."""
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_refuse_redirect)
    return config


async def _refuse_redirect(*about: object) -> None:
    raise Redirected("sent on to another address")


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: URL | str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Json | None = None,
    data: bytes | aiohttp.Payload | None = None,
    timeout: aiohttp.ClientTimeout | None = None,
    most: int = LARGEST_ANSWER_BYTES,
) -> Answer:
    """Send one request and read its answer, of at most `most` bytes. `timeout` None: the session's.

    Raises:
        BROKE_OFF: see there. This includes `TooLarge`, after which the rest is not read.
    """
    async with session.request(
        method,
        url,
        headers=headers,
        params=params,
        json=json,
        data=data,
        timeout=session.timeout if timeout is None else timeout,
        allow_redirects=False,
    ) as response:
        return Answer(response.status, await read_bounded(response, most), response.headers)


async def read_bounded(response: aiohttp.ClientResponse, most: int = LARGEST_ANSWER_BYTES) -> bytes:
    """Read an answer of at most `most` bytes; the rest of a larger one is not read.

    Raises:
        TooLarge: one of `BROKE_OFF`, like everything else that can go wrong on the way.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            response.close()
            raise TooLarge(f"more than {most} bytes")
    return bytes(body)


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
