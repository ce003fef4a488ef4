"""Keeps out of every log line, whoever wrote it, secrets, people's numbers and the contents of values."""

import json
import traceback
from collections.abc import Iterable, Iterator, MutableMapping
from types import TracebackType
from typing import Any

from aiokafka.errors import KafkaError

from db.failures import PostgresError
from schemas.errors import ServiceError
from schemas.phone import without_numbers

Line = MutableMapping[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# Their messages are about hosts and settings, or are ours; other errors quote the value that they failed at.
_TOLD = (OSError, ServiceError, KafkaError)
# Anything shorter is hardly a secret, and is part of other words.
_SHORTEST_SECRET = 6
_HIDDEN = "…"


def exception_text(exc_info: ExcInfo) -> str:
    """Return an exception's traceback, type and causes; its message only if that cannot quote a person."""
    return "\n".join(_told(exc_info[1]))


def _told(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
        yield "which led to:"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    yield f"{type(error).__module__}.{type(error).__qualname__}{_words(error)}"
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _told(each)


def _words(error: BaseException) -> str:
    if isinstance(error, PostgresError):  # its message and details quote rows
        return f": {error.sqlstate} {getattr(error, 'constraint_name', None) or ''}".rstrip()
    return f": {error}" if isinstance(error, _TOLD) else ""


def without_values(_logger: object, _method: str, line: Line) -> Line:
    """Mask the numbers in everything a line says. Of anything but a plain value, only the type is kept."""
    return {name: _plain(value) for name, value in line.items()}


def first_line(_logger: object, _method: str, line: Line) -> Line:
    """Keep a library's first line only: below it asyncio prints tasks with their errors' messages."""
    return {**line, "event": str(line.get("event", "")).partition("\n")[0]}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return without_numbers(value)
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return type(value).__name__


class SecretsHidden:
    """The last step: hides secrets in every line written, however they got there."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled = {each for secret in secrets for each in (secret, json.dumps(secret)[1:-1])}
        self._secrets = sorted(
            (each for each in spelled if len(each) >= _SHORTEST_SECRET), key=len, reverse=True
        )

    def __call__(self, _logger: object, _method: str, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return line
