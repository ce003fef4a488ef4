"""A text as WhatsApp messages of at most Twilio's length, cut where it hurts least. Pure."""

import re
import unicodedata
from dataclasses import dataclass

TWILIO_LIMIT = 1600
"""Characters of one message (Twilio error 21617); counted in UTF-16 units, so that an emoji counts twice."""

# Where a text may be cut, the best first: paragraph, line, sentence, word.
_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
# Longer than any real character made of parts (a family emoji has 11); beyond it is play, and is cut.
_LONGEST_CLUSTER = 32

# What WhatsApp shows as bold, italics, struck and code; all but a block of code stay within their line.
_CODE = re.compile(r"(?P<mark>```)(?:.+?)```|(?P<tick>`)[^`\n]+`", re.DOTALL)
_OPAQUE = re.compile(rf"{_CODE.pattern}|https?://\S+", re.DOTALL)
_EMPHASES = {
    mark: re.compile(rf"(?<![\w{mark}])[{mark}](?=[^\s{mark}])[^{mark}\n]*(?<=\S)[{mark}](?![\w{mark}])") for mark in "*_~"
}


@dataclass(frozen=True, slots=True)
class _Span:
    """Something between two marks; `start` is before the first, `end` behind the second."""

    start: int
    end: int
    mark: str


def split_message(text: str, limit: int = TWILIO_LIMIT) -> list[str]:
    """Split a text into parts of at most `limit` units, at the best place there is; nothing but white space is lost.

    What is bold, in italics, struck or code on both sides of a cut is so in both parts.
    """
    if limit < 2:
        raise ValueError("a part must be able to hold any character")
    parts = []
    rest = text.strip()
    while _units(rest) > limit:
        head, rest = _cut(rest, limit)
        parts.append(head)
    return [*parts, rest] if rest else parts


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _prefix(text: str, limit: int) -> int:
    """Give how many characters fit into `limit` units."""
    used = 0
    for index, char in enumerate(text):
        used += 2 if ord(char) > 0xFFFF else 1
        if used > limit:
            return index
    return len(text)


def _cut(text: str, limit: int) -> tuple[str, str]:
    """Cut off a part; marks that a cut leaves open are closed in the part, which must have room for it, and reopened."""
    spans, room = _spans(text), 0
    while True:
        end, begin = _before_what_begins(text, spans, *_place(text, _prefix(text, limit - room)))
        cut = [span for span in spans if span.start < end and begin < span.end]
        needed = sum(len(span.mark) for span in cut)
        if needed <= room:
            break
        room = needed
        if end <= 2 * room:  # marks only, and nothing would be won
            end, begin = _place(text, _prefix(text, limit))
            return text[:end], text[begin:]
    behind = max((span.end for span in cut if not text[begin : span.end - len(span.mark)].strip()), default=begin)
    closing = "".join(span.mark for span in reversed(cut))
    reopened = "".join(span.mark for span in cut if behind < span.end)
    return text[:end] + closing, reopened + text[behind:].lstrip()


def _before_what_begins(text: str, spans: list[_Span], end: int, begin: int) -> tuple[int, int]:
    """Move a cut that leaves nothing but an opening mark in front of it."""
    for span in spans:
        before = text[: span.start].rstrip()
        if span.start < end and begin < span.end and not text[span.start + len(span.mark) : end].strip() and before:
            return len(before), span.start
    return end, begin


def _spans(text: str) -> list[_Span]:
    """Give what stands between marks, the outer before the inner; marks within code and addresses mean nothing."""
    found = [_Span(each.start(), each.end(), each["mark"] or each["tick"]) for each in _CODE.finditer(text)]
    plain = _OPAQUE.sub(lambda opaque: "x" * len(opaque[0]), text)
    found += [_Span(each.start(), each.end(), mark) for mark, how in _EMPHASES.items() for each in how.finditer(plain)]
    return sorted(found, key=lambda span: span.start)


def _place(text: str, end: int) -> tuple[int, int]:
    """Give the end of the part and the begin of the rest; white space between them is left out."""
    # A cut in the first half would make needlessly small parts, unless only a word is there to be kept whole.
    for place, first in (*((cut, end // 2) for cut in _CUTS), (_CUTS[-1], 1)):
        # White space that begins right behind the limit is a place as well.
        spots = [match for match in place.finditer(text, first, end + 1) if match.start() <= end]
        if spots:
            return len(text[: spots[-1].start()].rstrip()), len(text) - len(text[spots[-1].end() :].lstrip())
    at = _between_clusters(text, end)
    return at, len(text) - len(text[at:].lstrip())


def _between_clusters(text: str, end: int) -> int:
    """Give the last place up to `end` that is not inside a character made of several; `end` where there is none."""
    for at in range(end, max(0, end - _LONGEST_CLUSTER), -1):
        if not _joined(text, at):
            return at
    return end


def _joined(text: str, at: int) -> bool:
    """Tell whether what stands before and behind a place is shown as one character (the common rules of UAX 29)."""
    before, behind = text[at - 1], text[at]
    if _JOINER in (before, behind) or unicodedata.category(behind) in ("Mn", "Me", "Mc"):
        return True
    if ord(behind) in _SKIN_TONES or ord(behind) in _TAGS:
        return True
    return ord(behind) in _FLAG_LETTERS and _flag_letters_before(text, at) % 2 == 1


def _flag_letters_before(text: str, at: int) -> int:
    """Two such letters are one flag; how many stand before tells whether a place is inside one."""
    count = 0
    while count < at and ord(text[at - 1 - count]) in _FLAG_LETTERS:
        count += 1
    return count
