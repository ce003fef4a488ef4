"""Splits a text into WhatsApp messages of at most Twilio's length, where it hurts least. Pure; one pass."""

import itertools
import re
from collections.abc import Iterator

from rules.message_marks import Span, is_inside_character, spans

TWILIO_LIMIT = 1600
"""Characters of one message (Twilio error 21617); counted in UTF-16 units, so that an emoji counts twice."""

# Where a text may be cut, best first: paragraph, line, sentence, word.
_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
_BLANK = re.compile(r"\s*")
# Longer than any real character made of parts (a family emoji has 11); anything beyond is play, and is cut.
_LONGEST_CHARACTER = 32


def split_message(text: str, limit: int = TWILIO_LIMIT) -> list[str]:
    """Split a text into parts of at most `limit` units at the best places; only white space is lost.

    What is bold, italic, struck or code on both sides of a cut is so in both parts.
    """
    if limit < 2:
        raise ValueError("a part must be able to hold any character")
    return list(_Splitter(text.strip(), limit).parts())


class _Splitter:
    """One pass through a text."""

    def __init__(self, text: str, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._at = 0  #: where the next part begins
        self._open: list[Span] = []  #: spans that go on across that place
        self._coming = spans(text)[::-1]  #: spans that begin later, the next one last

    def parts(self) -> Iterator[str]:
        while self._at < len(self._text):
            yield self._part()

    def _part(self) -> str:
        """Cut off a part; marks that the cut leaves open are closed in it and opened again in the next."""
        opening, room = _marks(self._open), 0
        while (units := self._limit - len(opening) - room) > 1:
            end, begin = self._before_what_begins(*self._cut(units))
            begun = itertools.chain(self._open, self._coming_before(end))
            open_ = [span for span in begun if begin < span.end]
            if len(_marks(open_)) <= room:
                return opening + self._take(end, begin, open_) + _marks(open_[::-1])
            room = len(_marks(open_))
        return self._take(*self._cut(self._limit), [])  # no room for marks

    def _take(self, end: int, begin: int, open_: list[Span]) -> str:
        """Return the text up to `end`, and go on at `begin`.

        If that leaves a span nothing but its closing mark, go on behind the span.
        """
        part = self._text[self._at : end]
        for span in reversed(open_):
            if begin >= span.inner[1]:
                begin = self._skip_blank(span.end)
        while self._coming and self._coming[-1].start < begin:
            self._coming.pop()
        self._at, self._open = begin, [span for span in open_ if begin < span.end]
        return part

    def _coming_before(self, end: int) -> Iterator[Span]:
        return itertools.takewhile(lambda span: span.start < end, reversed(self._coming))

    def _before_what_begins(self, end: int, begin: int) -> tuple[int, int]:
        """Move a cut that would leave only a span's opening mark in front of it."""
        for span in self._coming_before(end):
            if begin < span.end and not self._text[span.inner[0] : end].strip():
                before = self._text[self._at : span.start].rstrip()
                if before:
                    return self._at + len(before), span.start
        return end, begin

    def _cut(self, units: int) -> tuple[int, int]:
        """Return the end of a part of at most so many units, and where the rest begins after white space."""
        end = self._reach(units)
        if end == len(self._text):
            return end, end
        # A cut in the first half would make needlessly small parts; it is made only to keep a word whole.
        half = self._at + (end - self._at) // 2
        for place, first in (*((cut, half) for cut in _CUTS), (_CUTS[-1], self._at + 1)):
            # White space that begins right behind the limit is a place to cut as well.
            spots = [match for match in place.finditer(self._text, first, end + 1) if match.start() <= end]
            if spots:
                part = self._text[self._at : spots[-1].start()].rstrip()
                return self._at + len(part), self._skip_blank(spots[-1].end())
        end = self._between_characters(end)
        return end, self._skip_blank(end)

    def _reach(self, units: int) -> int:
        """Return how far the text fits into so many units."""
        last = min(len(self._text), self._at + units)
        for index in range(self._at, last):
            units -= 2 if ord(self._text[index]) > 0xFFFF else 1
            if units < 0:
                return index
        return last

    def _skip_blank(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at

    def _between_characters(self, end: int) -> int:
        """Return the last place up to `end` that is not inside a character made of parts, else `end`."""
        for at in range(end, max(self._at, end - _LONGEST_CHARACTER), -1):
            if not is_inside_character(self._text, self._at, at):
                return at
        return end


def _marks(spans_: list[Span]) -> str:
    return "".join(span.mark for span in spans_)
