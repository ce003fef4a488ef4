"""Parsed Markdown as WhatsApp's text, line for line as it was written. Pure."""

from collections.abc import Iterator, Sequence

from markdown_it.token import Token

_BOLD = "*"
_ADDRESS_BEGINS = ("http://", "https://")


def whatsapp_text(lines: Sequence[str], tokens: Sequence[Token]) -> str:
    """Return parsed `lines` as text: each in its place with its indentation, no two empty lines between."""
    written: list[str] = []
    empty = {number for number, line in enumerate(lines) if not line.strip()}
    begun = -1  # the line that is being written
    bold = False
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            bold = token.nesting > 0
        if token.type == "hr" and token.map:
            empty.add(token.map[0])
        if token.map is None or token.type not in ("list_item_open", "inline"):
            continue
        line = token.map[0]
        inline = _Inline(map(_indentation, lines[line + 1 : token.map[1]]), _BOLD if bold else "")
        text = inline.text(token.children or [])
        if token.type == "inline" and not text:  # nothing but a voice tag
            continue
        if line != begun:
            parting = "\n\n" if line - 1 in empty else "\n"
            written += [parting if written else "", _indentation(lines[line])]
            begun = line
        if token.type == "list_item_open":
            written.append(f"{token.info}{token.markup} " if token.info else "- ")
        else:
            written.append(text)
    return "".join(written)


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


class _Inline:
    """The content of one block. `indentations`: of its lines but the first; `mark`: encloses all of it."""

    def __init__(self, indentations: Iterator[str], mark: str = "") -> None:
        self._indentations = indentations
        self._open: list[tuple[str, list[str]]] = [(mark, [])]
        self._ignored: list[bool] = []  # for each open mark: whether it was on already
        self._addresses: list[str] = []

    def text(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            self._take(token)
        mark, parts = self._open[0]
        return _marked("".join(parts), mark)

    def _take(self, token: Token) -> None:
        kind, _, side = token.type.rpartition("_")
        if kind in ("em", "strong", "s"):
            mark = {"strong": _BOLD, "s": "~"}.get(kind, token.markup)
            self._begin(mark) if side == "open" else self._end()
        elif kind == "link":
            self._link(token, side)
        elif token.type == "image":
            label = _Inline(self._indentations).text(token.children or [])
            self._write(_linked(label, str(token.attrs["src"])))
        elif token.type in ("softbreak", "hardbreak"):
            self._write("\n" + next(self._indentations, ""))
        elif token.type == "line_break":
            self._write("\n")
        elif token.type == "code_inline":
            self._write(f"{token.markup}{token.content}{token.markup}")
        else:
            self._write(token.content)

    def _write(self, text: str) -> None:
        self._open[-1][1].append(text)

    def _begin(self, mark: str) -> None:
        """Open a mark, unless it is on already: WhatsApp knows no bold within bold.

        So nesting costs nothing.
        """
        on = any(mark == outer for outer, _ in self._open)
        self._ignored.append(on)
        if not on:
            self._open.append((mark, []))

    def _end(self) -> None:
        if not self._ignored.pop():
            mark, parts = self._open.pop()
            self._write(_marked("".join(parts), mark))

    def _link(self, token: Token, side: str) -> None:
        if side == "open":
            self._open.append(("", []))
            self._addresses.append(str(token.attrs["href"]))
            return
        label, address = "".join(self._open.pop()[1]), self._addresses.pop()
        self._write(label if token.markup == "autolink" else _linked(label, address))


def _linked(label: str, address: str) -> str:
    label = label.strip()
    return address if not label or label in address else f"{label}: {address}"


def _marked(text: str, mark: str) -> str:
    """Put each line of a text between marks: WhatsApp's end with the line."""
    return "\n".join(_marked_line(line, mark) for line in text.split("\n")) if mark else text


def _marked_line(line: str, mark: str) -> str:
    """Put a line between marks, but for an address at its end.

    A mark right behind an address would be taken for a part of it.
    """
    words = line.strip()
    *before, last = words.rsplit(None, 1) or [""]
    if not last.startswith(_ADDRESS_BEGINS):
        shown = f"{mark}{words}{mark}" if words else ""
    else:
        shown = f"{mark}{before[0]}{mark} {last}" if before else last
    return _indentation(line) + shown
