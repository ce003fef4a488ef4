"""The workers' views: JSON for programs, plain pages for a browser. The only link is to the next page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from aiohttp import web

_STYLE = (
    "body{font:15px system-ui;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0}"
    "td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left;vertical-align:top}th{background:#f4f4f4}"
)


def is_wanted(request: web.Request) -> bool:
    """Return whether a page is wanted: a browser asks, judging by its `Accept` header."""
    return "text/html" in request.headers.get("Accept", "")


def answer(
    request: web.Request,
    title: str,
    body: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return a view's answer in the form that the caller reads."""
    if not is_wanted(request):
        return web.json_response(body, status=status, headers=headers)
    return web.Response(text=page(title, body), content_type="text/html", status=status, headers=headers)


def page(title: str, value: object, following: str | None = None) -> str:
    """Return a whole page. `following`: the address of the next one."""
    more = f'<p><a href="{escape(following)}">next</a></p>' if following else ""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return (
        f"<!doctype html><html><head>{head}</head>"
        f"<body><h1>{escape(title)}</h1>{_shown(value)}{more}</body></html>"
    )


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
    body = "".join(
        "<tr>" + "".join(f"<td>{_shown(row.get(name))}</td>" for name in names) + "</tr>" for row in value
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _words(name: object) -> str:
    return escape(str(name).replace("_", " "))
