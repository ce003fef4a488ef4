"""Charts as pictures (SVG), drawn here: the page needs no script for them."""

from collections.abc import Callable

import pygal
from aiohttp import web
from pygal.style import Style

from db.queries import load
from web.database import Database
from web.ops.language import language_of, translations

_sql = load("ops")

_SPANS = {"hour": (3600, 60), "day": (86_400, 1800)}
"""Seconds shown, and seconds of a slot: 60 and 48 bars, which a phone's screen can still tell apart."""
STYLE = Style(
    background="transparent", plot_background="transparent", colors=("#0a6b52", "#a11d2b"), font_family="sans-serif"
)
# A picture that runs a style sheet of its own; it can load nothing and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Charts:
    """`/ops/charts/hour.svg`, `/ops/charts/day.svg`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, request: web.Request) -> web.Response:
        """Draw the turns of a span."""
        seconds, slot = _SPANS[request.match_info["span"]]
        rows = await self._database.rows(_sql.turns_over_time, seconds, slot)
        found = {row["slots_ago"]: (row["done"], row["failed"]) for row in rows}
        slots = [found.get(ago, (0, 0)) for ago in range(seconds // slot - 1, -1, -1)]
        drawn = _drawn(slots, translations(language_of(request)).gettext)
        return picture(drawn)


def picture(svg: bytes) -> web.Response:
    """Answer with a drawing."""
    return web.Response(body=svg, content_type="image/svg+xml", headers={"Content-Security-Policy": _POLICY})


def _drawn(slots: list[tuple[int, int]], translated: Callable[[str], str]) -> bytes:
    chart = pygal.StackedBar(
        style=STYLE, width=600, height=220, show_legend=False, js=[], show_x_labels=False, margin=10, explicit_size=True
    )
    chart.add(translated("done"), [done for done, failed in slots])
    chart.add(translated("failed"), [failed for done, failed in slots])
    svg: bytes = chart.render()
    return svg
