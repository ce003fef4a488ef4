"""`/docs`: a page to read the API and to try it, from our own host, with nothing that runs elsewhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {"docs.html": "text/html", "docs.js": "text/javascript", "docs.css": "text/css"}


def add_docs(app: web.Application) -> None:
    """Add the page, its script and its style."""
    app.router.add_get("/docs", _file("docs.html"))
    for name in ("docs.js", "docs.css"):
        app.router.add_get(f"/docs/{name}", _file(name))


def _file(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    text = (_FOLDER / name).read_text()
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}

    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=_TYPES[name], headers=headers)

    return serve
