"""What both vendors' clients share: time-outs, and which of aiohttp's errors mean that nothing was sent."""

import aiohttp

# connect: a TLS handshake across the Atlantic takes 0.3 s; more than this is an outage.
_CONNECT_SECONDS = 5.0
# Twilio answers in 0.1-0.5 s; an answer that takes longer than this is not waited for, the outcome is looked up.
TWILIO_TIMEOUT = aiohttp.ClientTimeout(total=20.0, sock_connect=_CONNECT_SECONDS, sock_read=10.0)
# ElevenLabs ends an agent's turn after 20 s (llm_timeout); 30 s is the whole turn's deadline.
ELEVENLABS_TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_connect=_CONNECT_SECONDS, sock_read=25.0)
# Vendors close idle connections after a minute or so; ours go earlier, so that none is cut while being reused.
KEEPALIVE_SECONDS = 20.0

NOTHING_WAS_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Failures before any byte of the request was written."""

BROKE_OFF = (aiohttp.ClientError, TimeoutError, OSError)
"""Any failure of a request; outside `NOTHING_WAS_SENT` its outcome is unknown."""


def retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Give the seconds of a `Retry-After` header, where it is a number."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.replace(".", "", 1).isdecimal() else None
