"""Tags that tell a voice how to speak, which agents made for calls write into texts, too.

The rule. Square brackets around one to four words of letters (`[risas]`, `[con calma]`), with no link and no
colon behind them, of which none names what else stands in a message's brackets (an attachment, a date, a
name: `things` in `voice_words.json`), are a tag

- anywhere, if one of the words is a manner, a feeling or a sound of somebody who speaks: it begins as such
  words do in six languages (`spoken` in that file), or ends so (`-mente`, `-ando`, `-ful` …);
- before a sentence, where a direction stands, if they are in lower case, even if no word is known.

All others are text: `[1]`, `[adjunto]`, `[Plan Oro]`, `[nombre] queda`. Pure.
"""

import json
import re
import unicodedata
from importlib.resources import files

_TAG = re.compile(r"\[([^\W\d_][^\[\]\n]{0,38}[^\W\d_])\](?![(:])")
_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?: +[^\W\d_]+(?:['’-][^\W\d_]+)*){0,3}")
_MARKS = "*_~ \t"
_SENTENCE_ENDS = ".!?…:;\n"
_SENTENCE_BEGINS = "¡¿«“\"'("
# There are few marks between a tag and its sentence.
_LOOK = 8


def voice_tag(text: str, at: int, end: int) -> int:
    """Return the place behind a tag that begins at `at`, or `at` if none does. `end`: how far to look."""
    found = _TAG.match(text, at, end)
    if found is None or not _WORDS.fullmatch(found[1]):
        return at
    said, behind = found[1], found.end()
    words = _folded(said)
    if any(map(_THINGS.has, words)):
        return at
    if not _is_name(said) and any(map(_is_spoken, words)):
        return behind
    return behind if said.islower() and _is_before_a_sentence(text, at, behind, end) else at


def _is_spoken(word: str) -> bool:
    return _SPOKEN.has(word) or word.endswith(_ENDINGS)


def _is_name(words: str) -> bool:
    """Return whether it is written like `[Plan Tranquilidad]`: capitals after the first letter, not all."""
    return not words.isupper() and any(char.isupper() for char in words[1:])


def _is_before_a_sentence(text: str, at: int, behind: int, end: int) -> bool:
    before = text[max(0, at - _LOOK) : at].rstrip(_MARKS)
    following = text[behind : min(end, behind + _LOOK)].lstrip(_MARKS)[:1]
    return before[-1:] in ("", *_SENTENCE_ENDS) and (following.isupper() or following in (*_SENTENCE_BEGINS,))


def _folded(words: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", words.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).split()


class _WordList:
    """Words, and beginnings of words (`suspir*`)."""

    def __init__(self, languages: dict[str, str]) -> None:
        words = [word for each in languages.values() for word in each.split()]
        self._whole = frozenset(word for word in words if not word.endswith("*"))
        self._beginnings = tuple(word[:-1] for word in words if word.endswith("*"))

    def has(self, word: str) -> bool:
        return word in self._whole or word.startswith(self._beginnings)


_FILE = json.loads(files("rules").joinpath("voice_words.json").read_text(encoding="utf-8"))
_SPOKEN, _THINGS = _WordList(_FILE["spoken"]), _WordList(_FILE["things"])
_ENDINGS = tuple(_FILE["endings"].split())
