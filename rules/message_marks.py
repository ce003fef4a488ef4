"""Where WhatsApp shows text as bold, italic, struck or code, and which characters belong together. Pure."""

import re
import unicodedata
from dataclasses import dataclass

# What WhatsApp shows as bold, italic, struck and code; all but a block of code stay within their line.
_CODE = re.compile(r"(?P<mark>```)(?:.+?)```|(?P<tick>`)[^`\n]+`", re.DOTALL)
_OPAQUE = re.compile(rf"{_CODE.pattern}|https?://\S+", re.DOTALL)
_EMPHASES = {
    mark: re.compile(rf"(?<![\w{mark}])[{mark}](?=[^\s{mark}])[^{mark}\n]*(?<=\S)[{mark}](?![\w{mark}])")
    for mark in "*_~"
}

_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)


@dataclass(frozen=True, slots=True)
class Span:
    """Text between two marks; `start` is before the first, `end` behind the second."""

    start: int
    end: int
    mark: str

    @property
    def inner(self) -> tuple[int, int]:
        """Where the text between the marks begins and ends."""
        return self.start + len(self.mark), self.end - len(self.mark)


def spans(text: str) -> list[Span]:
    """Return the marked spans, outer before inner. Marks within code and addresses are ignored."""
    found = [Span(each.start(), each.end(), each["mark"] or each["tick"]) for each in _CODE.finditer(text)]
    plain = _OPAQUE.sub(lambda opaque: "x" * len(opaque[0]), text)
    for mark, emphasis in _EMPHASES.items():
        found += [Span(each.start(), each.end(), mark) for each in emphasis.finditer(plain)]
    return sorted(found, key=lambda span: span.start)


def is_inside_character(text: str, begin: int, at: int) -> bool:
    """Return whether a place is inside what is shown as one character (the common rules of UAX 29).

    `begin`: where a character certainly begins, not far before.
    """
    before, behind = text[at - 1], text[at]
    if _JOINER in (before, behind) or unicodedata.category(behind) in ("Mn", "Me", "Mc"):
        return True
    if ord(behind) in _SKIN_TONES or ord(behind) in _TAGS:
        return True
    return ord(behind) in _FLAG_LETTERS and _flag_letters_before(text, begin, at) % 2 == 1


def _flag_letters_before(text: str, begin: int, at: int) -> int:
    """Count the flag letters before a place: two make one flag, so an odd count is inside one."""
    first = at
    while first > begin and ord(text[first - 1]) in _FLAG_LETTERS:
        first -= 1
    return at - first
