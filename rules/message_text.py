"""Turns the formatting of an agent's text into WhatsApp's. Pure; the time is linear in the length."""

import re
from functools import lru_cache

from rules.markdown import parse
from rules.whatsapp_text import whatsapp_text

_FENCE = "```"
# The language behind a fence. If the other fence has no line of its own, this is WhatsApp's way of writing,
# and what stands there is code.
_LANGUAGE = re.compile(r"[\w+-]{1,20}[ \t]*(?=\n)")
# Stands in for a block of code, which is put aside whole while the rest is parsed: Unicode leaves these two
# code points to programs.
_ASIDE = re.compile("\ufdd0(\\d+)\ufdd1")
_NO_TEXT = dict.fromkeys(map(ord, "\x00\ufdd0\ufdd1"))
_TABLE_MARKS = "|:- \t"
_LINE_MARKS = "#*+-"
# An answer is looked at when it comes, when it is judged and when it is planned, within some milliseconds.
_ANSWERS_REMEMBERED = 64


@lru_cache(maxsize=_ANSWERS_REMEMBERED)
def to_whatsapp(text: str) -> str:
    """Turn Markdown into WhatsApp's marks, without voice tags.

    `**bold**` and headings become `*bold*`, `[t](u)` becomes `t: u`. A single `*star*` stays: it is bold in
    WhatsApp, and agents that know it write it so. Code is shown as it is, between WhatsApp's own marks; lines
    that begin with `>` are quotes there, too.
    """
    text = text.translate(_NO_TEXT).replace("\r\n", "\n").replace("\r", "\n")
    text, code = _code_aside(text)
    lines = [line for raw in text.split("\n") if (line := _without_table(raw)) is not None]
    shown = whatsapp_text(lines, parse("\n".join(lines)))
    return _ASIDE.sub(lambda aside: code[int(aside[1])], shown).strip()


def _code_aside(text: str) -> tuple[str, list[str]]:
    """Put a sign in the place of each block of code.

    As in WhatsApp, a block ends at the next fence, wherever that stands.
    """
    pieces = text.split(_FENCE)
    blocks = pieces[1:-1:2] if len(pieces) % 2 else pieces[1:-2:2]
    plain, rest = pieces[: 2 * len(blocks) : 2], pieces[2 * len(blocks) :]
    signed = "".join(f"{before}\ufdd0{n}\ufdd1" for n, before in enumerate(plain))
    return signed + _FENCE.join(rest), [f"{_FENCE}{_without_language(block)}{_FENCE}" for block in blocks]


def _without_language(code: str) -> str:
    language = _LANGUAGE.match(code) if code.rstrip(" \t").endswith("\n") else None
    return code[language.end() :] if language else code


def _without_table(line: str) -> str | None:
    """Return a table's row as a line of its cells, None for the rule below its head, other lines unchanged.

    The library's own tables lose cells that their head does not have, and take more than linear time.
    """
    bare = line.strip()
    if "|" in bare and "-" in bare and not bare.strip(_TABLE_MARKS):
        return None
    if len(bare) < 3 or not bare.startswith("|") or not bare.endswith("|"):
        return line
    cells = " ".join(bare[1:-1].split())
    return f"\\{cells}" if cells[:1] in _LINE_MARKS and cells[1:2] in (" ", "") else cells
