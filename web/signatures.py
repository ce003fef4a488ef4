"""Checks that a webhook comes from Twilio: its signature over the public URL and the parameters. Pure."""

import hmac
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator


def signed_url(raw_path: str, *, scheme: str, host: str, headers: Mapping[str, str], public_base_url: str | None) -> str:
    """Give the URL that Twilio signed: PUBLIC_BASE_URL + path and query, as they came.

    Without PUBLIC_BASE_URL: the request's own `scheme` and `host`, or what the nearest proxy says of them.
    """
    if public_base_url is not None:
        return public_base_url.rstrip("/") + raw_path
    return f"{_first(headers, 'X-Forwarded-Proto', scheme)}://{_first(headers, 'X-Forwarded-Host', host)}{raw_path}"


def is_signed(token: str | None, url: str, params: Mapping[str, str], signature: str | None) -> bool:
    """Tell whether Twilio signed this. `params` may be a multidict. No token: nobody can have."""
    if not token or not signature:
        return False
    try:
        if hmac.compare_digest(_validator(token).compute_signature(url, params).encode(), signature.encode()):
            return True
        # With the port and without it: Twilio is not of one mind. Signed twice, it costs three times as much.
        _ = urlsplit(url).port  # the validator asks for it, and a forged host may have none that is a number
        return bool(_validator(token).validate(url, params, signature))
    except ValueError:  # such a URL, or a text that cannot be encoded, was signed by nobody
        return False


def _first(headers: Mapping[str, str], name: str, default: str) -> str:
    return headers.get(name, default).split(",")[0].strip()


@cache
def _validator(token: str) -> RequestValidator:
    return RequestValidator(token)
