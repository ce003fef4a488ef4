"""Reads a JSON object of a vendor's. Never has an effect at the vendor, so whoever asks may ask again."""

from collections.abc import Collection, Mapping
from typing import Any

import aiohttp
from yarl import URL

from schemas.documents import parse_object
from schemas.errors import InvalidInput, RetryableError, TerminalError

Json = dict[str, Any]

# A page of 1,000 messages, a batch of some thousand recipients, an hour's transcript: some seconds each.
_TIMEOUT = aiohttp.ClientTimeout(total=30.0, connect=5.0)
_FINAL = range(400, 500)


async def read_object(
    session: aiohttp.ClientSession, vendor: str, url: URL | str, headers: Mapping[str, str],
    *, passing: Collection[int], query: Mapping[str, str] | None = None,
) -> Json:  # fmt: skip
    """Give what a GET answers with 200. `passing`: statuses of 400 to 499 after which trying again helps.

    Raises:
        RetryableError: no answer that could be read.
        TerminalError: refused; `code` is the status.
    """
    try:
        async with session.get(
            url, params=query, headers=headers, allow_redirects=False, timeout=_TIMEOUT
        ) as response:  # fmt: skip
            body = await response.read()
        if response.status == 200:
            return parse_object(body)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise RetryableError(vendor, f"broke off: {type(error).__name__}") from error
    except InvalidInput as error:
        raise RetryableError(vendor, "answered no JSON object") from error
    refused = response.status in _FINAL and response.status not in passing
    raise (TerminalError if refused else RetryableError)(vendor, f"HTTP {response.status}", response.status)
