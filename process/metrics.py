"""What Prometheus scrapes from a process: all that was registered in it."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def exposition() -> web.Response:
    """Return the answer to `/metrics`, in Prometheus' text format."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
