"""JSON documents that cross a boundary: read strictly, written compactly, errors that name the field."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from schemas.errors import InvalidInput


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object. NUL characters are removed, because Postgres cannot store them.

    Raises:
        InvalidInput: not UTF-8, not JSON, nested too deeply, NaN, or not an object.
    """
    try:
        parsed = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput("body", f"not valid JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("body", "must be a JSON object")
    return without_nul(parsed) if b"\\u0000" in data or b"\x00" in data else parsed


def without_nul(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Give the same JSON value without NUL characters in its texts and keys."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return value


def now() -> datetime:
    """Give the present moment, aware, UTC."""
    return datetime.now(UTC)


class Document(BaseModel):
    """A JSON object with known keys; unknown keys are kept, not refused."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse and check one document.

        Raises:
            InvalidInput: names the first field that is missing or mistyped.
        """
        return cls.from_object(parse_object(data))

    @classmethod
    def from_object(cls, parsed: dict[str, Any]) -> Self:
        """Check an object that is parsed already.

        Raises:
            InvalidInput: see `from_json`.
        """
        try:
            return cls.model_validate(parsed)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise InvalidInput(".".join(map(str, first["loc"])) or "body", first["msg"]) from error

    def to_json(self) -> bytes:
        """Give the document as compact JSON."""
        return self.model_dump_json().encode()
