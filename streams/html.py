"""The workers' views as plain pages for a browser: tables, nothing to click but the next page. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:15px system-ui;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0}"
    "td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}th{background:#f4f4f4}"
)


def is_wanted(accept: str) -> bool:
    """Tell whether whoever asks is a browser, by its header `Accept`; programs get JSON."""
    return "text/html" in accept


def page(title: str, value: object, following: str | None = None) -> str:
    """Give a whole page. `following`: the address of the next one."""
    more = f'<p><a href="{escape(following)}">next</a></p>' if following else ""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body><h1>{escape(title)}</h1>{_shown(value)}{more}</body></html>"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return _pairs(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(row, Mapping) for row in value):
            return _rows(value)
        return escape(", ".join(map(str, value)))
    return "" if value is None else escape(str(value))


def _pairs(value: Mapping[Any, Any]) -> str:
    rows = "".join(f"<tr><th>{_words(name)}</th><td>{_shown(each)}</td></tr>" for name, each in value.items())
    return f"<table>{rows}</table>"


def _rows(value: Sequence[Any]) -> str:
    names = list(value[0])
    head = "".join(f"<th>{_words(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_shown(row.get(name))}</td>" for name in names) + "</tr>" for row in value)
    return f"<table><tr>{head}</tr>{body}</table>"


def _words(name: object) -> str:
    return escape(str(name).replace("_", " "))
