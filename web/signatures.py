"""Checks that a webhook comes from Twilio: its signature over the public URL and the parameters."""

from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit, urlunsplit

from twilio.request_validator import RequestValidator


def signed_url(raw_path: str, own_url: str, headers: Mapping[str, str], public_base_url: str | None) -> str:
    """Give the URL that Twilio signed: PUBLIC_BASE_URL + path and query; not set: the request's own, proxies honoured."""
    if public_base_url is not None:
        return public_base_url.rstrip("/") + raw_path
    own = urlsplit(own_url)
    scheme = headers.get("X-Forwarded-Proto", own.scheme).split(",")[0].strip()
    host = headers.get("X-Forwarded-Host", own.netloc).split(",")[0].strip()
    return urlunsplit((scheme, host, "", "", "")) + raw_path


def is_signed(token: str | None, url: str, params: Mapping[str, str], signature: str | None) -> bool:
    """Tell whether Twilio signed this. No token: nobody can have."""
    if not token or not signature:
        return False
    return bool(_validator(token).validate(url, params, signature))


@cache
def _validator(token: str) -> RequestValidator:
    return RequestValidator(token)
