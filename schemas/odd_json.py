"""JSON as backends really write it, read without losing or inventing anything.

Half of a surrogate pair (a name cut in the middle of an emoji, `"Ana \\ud83d"`) becomes U+FFFD, and a
byte order mark is dropped. A number written with an exponent remembers it: a phone number may have lost
its last digits.
"""

import codecs
import json
import re
from typing import Any, NoReturn

# Hardly any document has one; checked first, because the fast library forgets how a number was written. Every
# second id of Twilio's has an `e` between digits, but no value begins in the middle of it.
_EXPONENT = re.compile(rb"(?:[:\[,]|\A)\s*-?[0-9.]+[eE][+-]?[0-9]")


class WithExponent(float):
    """A number that was written with an exponent, such as `5.73e11`."""

    __slots__ = ()


def is_odd(data: bytes | bytearray) -> bool:
    """Return whether a document, though valid JSON, has something that only `read` preserves."""
    return _EXPONENT.search(data) is not None


def read(data: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON value
    """Read a document that may have a byte order mark, halves of surrogate pairs and exponents.

    Raises:
        ValueError: it is still not JSON, has a NaN or an infinity, or is nested too deeply.
    """
    text = bytes(data).removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogatepass")
    try:
        return _whole(json.loads(text, parse_float=_number, parse_constant=_refuse))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _number(written: str) -> float:
    return WithExponent(written) if "e" in written.lower() else float(written)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with whole characters only."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
