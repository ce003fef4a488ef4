"""What no line of a log may tell, whoever wrote it: secrets, persons' numbers, what a value holds."""

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

# Their words are of hosts, settings and sentences of ours; other errors quote the value that they failed at.
_TOLD = (OSError, ServiceError, KafkaError)
# Of fewer characters hardly a secret, and part of other words.
_SHORTEST_SECRET = 6
_HIDDEN = "…"


def exception_text(exc_info: ExcInfo) -> str:
    """Return an exception's way and type, with its causes; its words only where they cannot quote a person's."""
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
    if isinstance(error, PostgresError):  # its message and details hold what a row does
        return f": {error.sqlstate} {getattr(error, 'constraint_name', None) or ''}".rstrip()
    return f": {error}" if isinstance(error, _TOLD) else ""


def without_values(_logger: object, _method: str, line: Line) -> Line:
    """Mask the numbers in whatever a line tells; of what is no plain value only the type is told."""
    return {name: _plain(value) for name, value in line.items()}


def first_line(_logger: object, _method: str, line: Line) -> Line:
    """Keep the first line of what a library says: behind it asyncio prints tasks with their errors' words."""
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
    """The last step: no written line has a secret in it, however it came there."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled = {each for secret in secrets for each in (secret, json.dumps(secret)[1:-1])}
        self._secrets = sorted((each for each in spelled if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, _logger: object, _method: str, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return line
