"""Charts as SVG pictures, drawn here so that the page needs no script. They follow light or dark mode."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pygal
from aiohttp import web
from babel.dates import format_time
from pygal.style import Style

from db.readers.ops import TURNS_OVER_TIME
from web.database import Database
from web.ops.language import language_of, translations
from web.ops.shared import Shared

_SPANS = {"hour": (3600, 60, 10), "day": (86_400, 1800, 8)}
"""Seconds shown, seconds per slot (60 and 48 bars, which can be told apart on a phone), slots per label."""
# Drawing takes some 20 ms, and the newest bar grows for a minute: open pages share a drawing for a while.
_KEPT_SECONDS = 15
_COLORS = ("#0e8f6d", "#c0392b")
"""For what is done, and for what failed."""
_DARK = "inline:@media (prefers-color-scheme: dark) { text { fill: #a3b0ac !important; } }"
_LOOK = {
    "js": [],
    "css": ["file://style.css", "file://graph.css", _DARK],
    "explicit_size": True,
    "margin": 8,
    "legend_at_bottom": True,
    "legend_box_size": 10,
    "show_y_guides": True,
    "truncate_legend": -1,
    "truncate_label": -1,
}
# The picture has a style sheet of its own, but can load nothing and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST_MARKS = 5


def marks(most: float) -> list[int]:
    """Return a few round whole numbers, the last at least `most`."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if step * _MOST_MARKS >= most)
    return list(range(0, int(-(-max(most, 1) // step)) * step + 1, step))


class Charts:
    """`/ops/charts/hour.svg`, `/ops/charts/day.svg`. `zone`: of the hours at the bottom."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._drawn: Shared[bytes] = Shared(_KEPT_SECONDS)

    async def get(self, request: web.Request) -> web.Response:
        """Draw the turns of a span."""
        span, language = request.match_info["span"], language_of(request)
        return picture(await self._drawn.get((span, language), lambda: self._draw(span, language)))

    async def _draw(self, span: str, language: str) -> bytes:
        seconds, slot, every = _SPANS[span]
        rows = await self._database.rows(TURNS_OVER_TIME, seconds, slot)
        found = {row.slots_ago: (row.done, row.failed) for row in rows}
        agos = range(seconds // slot - 1, -1, -1)
        slots = [found.get(ago, (0, 0)) for ago in agos]
        chart = bars(pygal.StackedBar, max(sum(each) for each in slots), height=230)
        chart.x_labels = [self._hour(ago * slot, language) for ago in agos]
        chart.x_labels_major_every, chart.show_minor_x_labels = every, False
        translated = translations(language).gettext
        for place, name in enumerate(("done", "failed")):
            chart.add(translated(name), [each[place] for each in slots])
        drawn: bytes = chart.render()
        return drawn

    def _hour(self, seconds_ago: float, language: str) -> str:
        moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        return format_time(moment.astimezone(self._zone), "short", locale=language)


def _style(colors: Sequence[str]) -> Style:
    return Style(
        background="transparent",
        plot_background="transparent",
        colors=tuple(colors),
        font_family="sans-serif",
        guide_stroke_color="#8884",
        major_guide_stroke_color="#8884",
        guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0",
        foreground="#56635f",
        foreground_strong="#56635f",
        foreground_subtle="#8888",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=12,
        value_font_size=12,
        opacity="1",
        stroke_width="2",
    )


def bars(
    kind: Any,  # noqa: ANN401
    most: float,
    *,
    height: int,
    colors: Sequence[str] = _COLORS,
    **more: object,
) -> Any:  # noqa: ANN401
    """Return an empty pygal chart of a kind, 600 wide, whose axis goes to `most` in whole numbers."""
    chart = kind(**(_LOOK | more), style=_style(colors), width=600, height=height)
    chart.y_labels = marks(most)
    chart.value_formatter = lambda value: f"{value:,.0f}"
    return chart


def picture(svg: bytes) -> web.Response:
    """Answer with a drawing. The page uses another address to ask for a new one."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": f"private, max-age={_KEPT_SECONDS}"}
    return web.Response(body=svg, content_type="image/svg+xml", headers=headers)
