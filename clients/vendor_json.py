"""Vendors' JSON made fit for storage: Postgres takes neither NUL nor lone surrogates nor NaN. Pure."""

import json
from typing import Any

Json = dict[str, Any]


def parse_vendor_object(data: bytes | str) -> Json:
    """Parse a vendor's JSON object.

    Raises:
        ValueError: not JSON, not an object, or nested deeper than can be read.
    """
    try:
        parsed = _clean(json.loads(data, parse_constant=lambda _: None))
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")
    return parsed


def clean_text(text: str) -> str:
    """Return the text without NUL; surrogate pairs become the character they encode, lone ones U+FFFD."""
    text = text.replace("\x00", "")
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def child(parsed: Json, key: str) -> Json:
    """Return the object under a key; an empty one if there is none, or something else."""
    found = parsed.get(key)
    return found if isinstance(found, dict) else {}


def words(parsed: Json, key: str) -> str:
    """Return the stripped text under a key; empty if there is none, or something else."""
    found = parsed.get(key)
    return found.strip() if isinstance(found, str) else ""


def _clean(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _clean(item) for key, item in value.items()}
    return value
