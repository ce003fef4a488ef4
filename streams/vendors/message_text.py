"""An agent's text as WhatsApp messages: formatting turned into WhatsApp's, length within Twilio's limit. Pure."""

import re
import unicodedata

TWILIO_LIMIT = 1600
"""Characters of one message (Twilio error 21617); counted in UTF-16 units, so that an emoji counts twice."""

_VOICES = (
    "happy|sad|angry|excited|calm|curious|nervous|sarcastic|cheerful|friendly|warmly|softly|slow(?:ly)?|fast|whisper(?:s|ing)?|"
    "laugh(?:s|ing)?(?: harder)?|giggles?|chuckles?|sighs?|exhales?|inhales?|gasps?|clears throat|crying|shouts?|"
    "(?:short |long )?pause"
)
# The speech engine's tags, which agents made for calls write; a bracket that is followed by a link is none.
_VOICE_TAG = re.compile(rf"\[(?:{_VOICES})\](?!\()[ \t]*", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
# Longer than any emphasis; the bound keeps a text full of unmatched stars from costing quadratic time.
_BOLD = re.compile(r"(\*{2,3})(?=[^\s*])(.{1,400}?)(?<=[^\s*])\1")
_UNDERLINED = re.compile(r"(?<![\w/])__(?=[^\s_])(.{1,400}?)(?<=[^\s_])__(?!\w)")
_STRUCK = re.compile(r"~~(?=[^\s~])(.{1,400}?)(?<=[^\s~])~~")
# Addresses may hold pairs of parentheses.
_ADDRESS = r"(?:https?://|mailto:|tel:)(?:[^\s()]|\([^\s()]{0,200}\)){1,2000}"
_LINK = re.compile(rf'!?\[([^\[\]\n]{{0,400}})\]\(({_ADDRESS})(?:[ \t]+"[^"\n]*")?\)')
_BRACKETED = re.compile(r"<((?:https?://|mailto:|tel:)[^\s<>]{1,2000})>")
_ENDS_IN_ADDRESS = re.compile(r"(.*?)[ \t]*(https?://\S+)")
_BREAK = re.compile(r"<br[ \t]*/?>", re.IGNORECASE)
_TABLE_RULE = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t]*(?::?-{3,}:?[ \t]*)?(?:\n|$)", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|[ \t]*(.+?)[ \t]*\|[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|>$])")
# Code is shown as it is, in WhatsApp too; the language behind the fence is not.
_CODE = re.compile(r"(```.{1,4000}?```|`[^`\n]{1,400}`)", re.DOTALL)
_FENCE = re.compile(r"```[\w+-]{1,20}\n")
_BULLET = re.compile(r"^([ \t]*)[*+][ \t]+(?=\S)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t]*$", re.MULTILINE)
_GAPS = re.compile(r"\n{3,}")

# Where a text may be cut, the best first: paragraph, line, sentence, word.
_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
# Longer than any real character made of parts (a family emoji has 11); beyond it is play, and is cut.
_LONGEST_CLUSTER = 32


def to_whatsapp(text: str) -> str:
    """Turn Markdown into WhatsApp's marks: `**bold**` and headings to `*bold*`, `[t](u)` to `t: u`; no voice tags.

    A single `*star*` stays: it is bold in WhatsApp, and agents that know it write it so.
    """
    text = _VOICE_TAG.sub("", text.replace("\r\n", "\n"))
    pieces = _CODE.split(text)  # every second one is code
    pieces[::2] = [_formatted(piece) for piece in pieces[::2]]
    pieces[1::2] = [_FENCE.sub("```\n", piece) for piece in pieces[1::2]]
    return _GAPS.sub("\n\n", "".join(pieces)).strip()


def _formatted(text: str) -> str:
    text = _BRACKETED.sub(r"\1", _LINK.sub(_link, _BREAK.sub("\n", text)))
    text = _TABLE_ROW.sub(r"\1", _TABLE_RULE.sub("", text))
    text = _RULE.sub("", text)
    text = _BULLET.sub(r"\1- ", text)
    text = _UNDERLINED.sub(_bold, _BOLD.sub(_bold, text))
    text = _STRUCK.sub(r"~\1~", text)
    text = _HEADING.sub(_heading, text)
    return _ESCAPED.sub(r"\1", text)


def _bold(match: re.Match[str]) -> str:
    """A star right behind an address would be taken for a part of it."""
    words = match[match.lastindex or 0]
    if found := _ENDS_IN_ADDRESS.fullmatch(words):
        return f"*{found[1]}* {found[2]}" if found[1] else found[2]
    return f"*{words}*"


def _link(match: re.Match[str]) -> str:
    label, url = match[1].strip(), match[2]
    return url if not label or label in url else f"{label}: {url}"


def _heading(match: re.Match[str]) -> str:
    title = match[1].rstrip("# \t").replace("*", "").strip()
    return f"*{title}*" if title else ""


def split_message(text: str, limit: int = TWILIO_LIMIT) -> list[str]:
    """Split a text into parts of at most `limit` units, at the best place there is; nothing but white space is lost."""
    if limit < 2:
        raise ValueError("a part must be able to hold any character")
    parts = []
    rest = text.strip()
    while _units(rest) > limit:
        head, rest = _cut(rest, _prefix(rest, limit))
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


def _cut(text: str, end: int) -> tuple[str, str]:
    # A cut in the first half would make needlessly small parts, unless only a word is there to be kept whole.
    for place, first in (*((cut, end // 2) for cut in _CUTS), (_CUTS[-1], 1)):
        # White space that begins right behind the limit is a place as well.
        spots = [match for match in place.finditer(text, first, end + 1) if match.start() <= end]
        if spots:
            return text[: spots[-1].start()].rstrip(), text[spots[-1].end() :].lstrip()
    at = _between_clusters(text, end)
    return text[:at], text[at:].lstrip()


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
