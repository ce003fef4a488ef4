"""How long input from outside may be, so that every event fits into a Kafka record of default size. Pure.

Anything longer is cut, and the event says how long it was: `full_length` of a text, `shortened` of an event.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic_core import to_json

from rules.turns import Waiting
from schemas.rows import Json

LARGEST_EVENT: Final = 512 * 1024
"""Bytes; half of what brokers take unless somebody has set more. The largest input is half of that again."""
LONGEST_TEXT: Final = 16_000
"""Characters of a message, question or answer: four times WhatsApp's longest text, ten Twilio messages."""
# A client who writes more than this while the agent is away gets several answers.
_MOST_ASKED = 200
# People look at the answer as the vendor gave it: tools' results may be many, and nobody reads more.
_LARGEST_REPLY = 64 * 1024
# The longest word that is kept whole at a cut; most web addresses are shorter.
_LONGEST_WORD = 200
# Tried one after the other: an event's texts get ever shorter until it fits.
_SHORTER = (4_096, 512, 64)


def cut(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text of at most `most` characters; a longer one is cut at a word and ends with `…`."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    end = max(kept.rfind(blank, max(0, most - _LONGEST_WORD)) for blank in " \n")
    return (kept[:end] if end > 0 else kept).rstrip() + "…"


def full_length(text: str) -> int | None:
    """Return how many characters a text that must be cut has; None if it stays whole."""
    return len(text) if len(text) > LONGEST_TEXT else None


def asked_together(questions: Sequence[Waiting]) -> tuple[Waiting, ...]:
    """Return the messages at the head that make one question; the rest belong to the next one."""
    return tuple(_that_fit(questions[:_MOST_ASKED]))


def _that_fit(questions: Sequence[Waiting]) -> Iterator[Waiting]:
    left = LONGEST_TEXT
    for place, each in enumerate(questions):
        left -= len(each.text)
        if place and left < 0:
            return
        yield each


def kept_reply(reply: Json) -> Json:
    """Return an answer as it is kept: without the vendor's raw data if that is too large."""
    size = len(to_json(reply))
    if size <= _LARGEST_REPLY:
        return reply
    kept = {
        name: cut(value) if isinstance(value, str) else value
        for name, value in reply.items()
        if name != "raw"
    }
    return kept | {"raw": {"omitted_bytes": size}}


def fitted(envelope: Json, size: int) -> bytes:
    """Return an event that is too large, shortened to as many bytes as it may have. `size`: what it has.

    The limits on inputs leave this for what nobody has thought of; the database has the whole event.
    """
    for longest in _SHORTER:
        told = to_json(envelope | {"data": _with_texts_cut(envelope["data"], longest), "shortened": size})
        if len(told) <= LARGEST_EVENT:
            return told
    return to_json(envelope | {"data": {}, "shortened": size})


def _with_texts_cut(value: Any, most: int) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return cut(value, most)
    if isinstance(value, dict):
        return {key: _with_texts_cut(each, most) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts_cut(each, most) for each in value]
    return value
