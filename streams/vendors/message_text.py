"""An agent's text with its formatting turned into WhatsApp's. Pure."""

import re

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
