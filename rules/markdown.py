"""Markdown as agents write it: a library's parser, with a few rules changed for WhatsApp. Pure."""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from rules.voice_tags import voice_tag

# Code blocks, quotes and tables are WhatsApp's own, or were turned into lines before (`message_text`). A line
# of `===`, a reference and HTML are shown as they were written, so that no word of an agent can disappear.
_BLOCKS = ["hr", "list", "heading"]
_MARKS = ["backticks", "strikethrough", "emphasis", "link", "image", "autolink"]
_CHARACTERS = ["newline", "escape", "entity"]

# The library drops anything nested deeper than its limit, so lists must end before it: each level takes two.
_DEEPEST = 12
_DEEPEST_LIST = _DEEPEST - 2

_ADDRESSES = ("http://", "https://", "mailto:", "tel:")
_BARE_ADDRESS = re.compile(r"://[^\s<>`\[\]]+")
# At the end of an address these belong to the text around it, as on GitHub.
_AFTER_ADDRESS = "?!.,:;*_~'\")"
# After these, bold may end even if a letter or digit follows: `**Precio:**99`.
_ENDS_BOLD = frozenset(".,:;!?)]»”…%")
_BREAKS = frozenset({"softbreak", "hardbreak", "line_break"})
_BLANK = re.compile(r"[ \t]*")
_LONGEST_MARK = 4
# No white space stands before these.
_CLOSING = ".,:;!?)]»”…\n"
_BREAK = re.compile(r"<br[ \t]*/?>[ \t]*\n?[ \t]*", re.IGNORECASE)


class _Parser(MarkdownIt):
    """A parser that leaves addresses as they were written, and takes nothing else for a link."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return url.lower().startswith(_ADDRESSES)

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return link


def _shallow_list(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    return state.level < _DEEPEST_LIST and list_block(state, line, end, silent)


def _bare_address(state: StateInline, silent: bool) -> bool:
    """Take an address as text: an underscore or asterisk in it is not a mark."""
    at = state.pos
    scheme = state.src[max(0, at - len("https")) : at].lower()
    if not state.src.startswith("://", at) or not scheme.endswith(("http", "https")):
        return False
    found = _BARE_ADDRESS.match(state.src, at, state.posMax)
    address = found[0].rstrip(_AFTER_ADDRESS) if found else ""
    if len(address) <= len("://"):
        return False
    if not silent:
        state.append_pending(unescapeAll(address))
    state.pos += len(address)
    return True


def _end_of_bold(state: StateInline, silent: bool) -> bool:
    """Take two asterisks between punctuation and a letter or digit as an end, too.

    CommonMark sees only a beginning there.
    """
    at, around = state.pos, state.src[state.pos - 1 : state.pos + 3] if state.pos else ""
    if silent or around[1:3] != "**" or around[0] not in _ENDS_BOLD or not around[3:].isalnum():
        return False
    for _ in range(2):
        state.push("text", "", 0).content = "*"
        token = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord("*"), length=2, token=token, end=-1, open=True, close=True))
    state.pos = at + 2
    return True


def _voice_tag(state: StateInline, silent: bool) -> bool:
    """Leave out a tag with the white space that set it apart; a line of nothing else disappears entirely."""
    if not state.src.startswith("[", state.pos):
        return False
    end = voice_tag(state.src, state.pos, state.posMax)
    if end == state.pos:
        return False
    state.pos = end if silent else _close_gap(state, end)
    return True


def _close_gap(state: StateInline, end: int) -> int:
    """Remove the white space that set apart what is left out up to `end`; return where the text goes on."""
    said = state.pending.rstrip(" \t")
    is_first = not said and (not state.tokens or state.tokens[-1].type in _BREAKS)
    blank = _BLANK.match(state.src, end, state.posMax)
    behind = blank.end() if blank else end
    following = state.src[behind : min(behind + 1, state.posMax)]
    if is_first and following == "\n":
        said, behind = "", behind + 1
    elif not is_first and following and following not in _CLOSING:
        before = state.src[max(0, state.pos - _LONGEST_MARK) : state.pos].rstrip("*_~")
        behind = end if before and not before[-1].isspace() else behind
        said = state.pending
    state.pending = said
    return behind


def _line_break(state: StateInline, silent: bool) -> bool:
    found = _BREAK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.pending = state.pending.rstrip(" \t")
        state.push("line_break", "br", 0)
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    parser = _Parser("zero", {"maxNesting": _DEEPEST}).enable([*_BLOCKS, *_MARKS, *_CHARACTERS])
    parser.block.ruler.at("list", _shallow_list, {"alt": ["paragraph"]})
    parser.inline.ruler.after("text", "bare_address", _bare_address)
    parser.inline.ruler.before("link", "voice_tag", _voice_tag)
    parser.inline.ruler.before("emphasis", "end_of_bold", _end_of_bold)
    parser.inline.ruler.before("autolink", "line_break", _line_break)
    return parser


_PARSER = _parser()


def parse(text: str) -> list[Token]:
    """Parse a text into the library's tokens, in time linear in its length."""
    return _PARSER.parse(text)
