"""JSON documents that cross a boundary: read strictly, written compactly, with errors that name the field."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from schemas import odd_json
from schemas.errors import InvalidInput

# A field's path holds names the sender chose; errors are for people, and go into logs and dead letters.
_LONGEST_PATH = 255
# No real data is nested this deep. Whatever walks it (our own code, Postgres, a web page) has a bound of its
# own, each a different one.
_DEEPEST = 64

# What pydantic puts before our own messages.
_PYDANTICS_OWN = "Value error, "

# The largest float has 309 digits. Checked first, because hardly any document has such a number. An `e` in
# the middle of an id is none.
_PERHAPS_INFINITE = re.compile(rb"(?:[:\[,]|\A)\s*-?[0-9.]+[eE]\+?0*[0-9]{2}|(?<![0-9])[0-9]{300}")


def parse_object(data: bytes | bytearray) -> dict[str, Any]:
    """Parse a JSON object, mending what is nearly one (`schemas.odd_json`).

    NUL characters are removed, because Postgres cannot store them.

    Raises:
        InvalidInput: not UTF-8, not JSON, nested too deeply, NaN or a number out of range, or not an object.
    """
    parsed = _parsed(data)
    if not isinstance(parsed, dict):
        raise InvalidInput("body", "must be a JSON object")
    if data.count(b"{") + data.count(b"[") > _DEEPEST and _depth_is_over(parsed, _DEEPEST):
        raise InvalidInput("body", f"nested deeper than {_DEEPEST} levels")
    if _PERHAPS_INFINITE.search(data) and _has_infinity(parsed):
        raise InvalidInput("body", "has a number that is out of range, such as 1e400")
    return without_nul(parsed) if b"\\u0000" in data or b"\x00" in data else parsed


def _parsed(data: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return odd_json.read(data) if odd_json.is_odd(data) else from_json(data, allow_inf_nan=False)
    except ValueError as error:
        with suppress(ValueError):
            return odd_json.read(data)
        raise InvalidInput("body", f"not valid JSON: {error}") from error


def _depth_is_over(value: Any, most: int) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return most == 0 or any(_depth_is_over(item, most - 1) for item in value.values())
    return isinstance(value, list) and (most == 0 or any(_depth_is_over(item, most - 1) for item in value))


def _has_infinity(value: object) -> bool:
    """Return whether a number was too large for a float: other JSON and Postgres have no infinity."""
    if isinstance(value, list):
        return any(map(_has_infinity, value))
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    return isinstance(value, float) and math.isinf(value)


def without_nul(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the same JSON value without NUL characters in its strings and keys."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return value


def now() -> datetime:
    """Return the current time, aware, UTC."""
    return datetime.now(UTC)


class Document(BaseModel):
    """A JSON object with known keys; unknown keys are kept, not refused."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    @classmethod
    def from_json(cls, data: bytes, context: Mapping[str, object] | None = None) -> Self:
        """Parse and check one document. `context`: see `from_object`.

        Raises:
            InvalidInput: names the first field that is missing or mistyped.
        """
        return cls.from_object(parse_object(data), context)

    @classmethod
    def from_object(cls, parsed: dict[str, Any], context: Mapping[str, object] | None = None) -> Self:
        """Check an object that is already parsed. `context`: what fields need to know, see `schemas.fields`.

        Raises:
            InvalidInput: see `from_json`.
        """
        try:
            return cls.model_validate(parsed, context=context)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"]))[:_LONGEST_PATH] or "body"
            raise InvalidInput(field, first["msg"].removeprefix(_PYDANTICS_OWN)) from error

    def to_json(self) -> bytes:
        """Return the document as compact JSON."""
        return self.model_dump_json().encode()
