"""Our own sentences within a client's message: `[El cliente envió una imagen]`. Pure.

Square brackets that start with one of our beginnings are ours alone: the agent and the team believe
what they say. In a note, what came from outside is one line without such brackets; a client who
writes a note gets round ones.
"""

import re

_BEGINNINGS = (
    "el cliente|mensaje reenviado|en respuesta a|mientras tanto|(?:una )?persona del equipo|agente|sistema"
)
_IMITATED = re.compile(rf"\[([^\w\[]*(?:{_BEGINNINGS})\b[^\]]*)(?:\]|\Z)", re.IGNORECASE)
_PLAIN = str.maketrans("«»", '""')
_ROUND = str.maketrans("[]", "()")
_LONGEST_DETAIL = 200


def note(sentence: str) -> str:
    """Return a sentence as a note."""
    return f"[{' '.join(sentence.translate(_ROUND).split())}]"


def detail(text: str) -> str:
    """Return what a client gave, short enough for a note."""
    return " ".join(text[: 2 * _LONGEST_DETAIL].split())[:_LONGEST_DETAIL]


def quotation(text: str) -> str:
    """Quote earlier words of the conversation for a note; marks inside cannot end the quotation."""
    return f"«{detail(text).translate(_PLAIN)}»"


def as_written(text: str) -> str:
    """Return a client's own words, which cannot be a note: `[El cliente pagó]` → `(El cliente pagó)`."""
    return _IMITATED.sub(lambda imitated: f"({imitated[1].translate(_ROUND)})", text)
