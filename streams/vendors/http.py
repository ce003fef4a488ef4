"""What all vendors' clients share: sessions, time-outs, and which of aiohttp's errors mean that nothing was sent.

aiohttp repeats a request by itself only for idempotent methods (client.py, IDEMPOTENT_METHODS); a POST on a kept-alive
connection that turns out to be closed raises `ServerDisconnectedError` or `ClientOSError` instead, which is not among
`NOTHING_WAS_SENT`. Redirects are never followed: 307 and 308 would repeat the POST.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

# Waiting for a place in the pool and connecting; under `total`, so that it is told from a slow answer.
_POOL_SECONDS = 10.0
# A TLS handshake across the Atlantic takes 0.3 s; more than this is an outage.
_CONNECT_SECONDS = 5.0
# Twilio answers in 0.1-0.5 s; an answer that takes longer than this is not waited for, the outcome is looked up.
_TWILIO_READ_SECONDS = 10.0
_TWILIO_WHOLE_SECONDS = 20.0
# ElevenLabs ends an agent's turn after 20 s (llm_timeout); 30 s is the whole turn's deadline.
_ELEVENLABS_READ_SECONDS = 25.0
_ELEVENLABS_WHOLE_SECONDS = 30.0
# Vendors close idle connections after a minute or so; ours go earlier, so that none is cut while being reused.
_KEEPALIVE_SECONDS = 20.0
# Vendors' hosts move behind load balancers within minutes; aiohttp's 10 s would ask the resolver all the time.
_DNS_SECONDS = 60

# A long call's conversation with the results of its tools is some megabytes; more is no answer to anything that we ask.
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024

TWILIO_TIMEOUT = aiohttp.ClientTimeout(
    total=_TWILIO_WHOLE_SECONDS,
    connect=_POOL_SECONDS,
    sock_connect=_CONNECT_SECONDS,
    sock_read=_TWILIO_READ_SECONDS,
)
ELEVENLABS_TIMEOUT = aiohttp.ClientTimeout(
    total=_ELEVENLABS_WHOLE_SECONDS,
    connect=_POOL_SECONDS,
    sock_connect=_CONNECT_SECONDS,
    sock_read=_ELEVENLABS_READ_SECONDS,
)

NOTHING_WAS_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Failures before any byte of the request was written: both are raised while a connection is being made."""

BROKE_OFF = (aiohttp.ClientError, TimeoutError, OSError)
"""Any failure of a request; outside `NOTHING_WAS_SENT` its outcome is unknown."""

CREDENTIALS_PAUSE_SECONDS = 30.0
"""How long a vendor that refuses our credentials is left alone: a person must act, seconds do not matter."""

PAIR_PAUSE_SECONDS = 12.0
"""How long a number that gets too many messages is left alone: WhatsApp takes one per 6 s; above the patience of
`streams.turns.patience`, so that the turn is held in Postgres."""


def open_session(timeout: aiohttp.ClientTimeout, most: int) -> aiohttp.ClientSession:
    """Open one vendor's kept-alive session of at most `most` connections; must be called inside a running loop."""
    connector = aiohttp.TCPConnector(limit=most, keepalive_timeout=_KEEPALIVE_SECONDS, ttl_dns_cache=_DNS_SECONDS)
    # No cookies: answers to one person's request must not change another's.
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


class TooLarge(aiohttp.ClientError):
    """An answer is larger than anything that a vendor should say."""


async def read_bounded(response: aiohttp.ClientResponse, most: int = LARGEST_ANSWER_BYTES) -> bytes:
    """Read an answer of at most so many bytes; of a larger one the rest is not read.

    Raises:
        TooLarge: among `BROKE_OFF`, as everything else that can go wrong on the way.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            response.close()
            raise TooLarge(f"more than {most} bytes")
    return bytes(body)


def retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Give the seconds of a `Retry-After` header, which is a number or a date; None where it is neither."""
    value = response.headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        return _until(value)
    return seconds if 0 <= seconds < float("inf") else None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
