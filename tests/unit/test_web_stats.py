"""Where a day's figures come from: the tables, or Postgres for days that they do not keep."""

import json
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from schemas.settings import load_settings
from web.stats import Stats

NOW = datetime(2026, 3, 20, 3, tzinfo=UTC)  # still the 19th in Bogotá
FIGURES = {
    "active_conversations": 1,
    "total_conversations_today": 2,
    "messages_sent_today": 3,
    "messages_received_today": 4,
    "response_rate": 50,
    "avg_response_time_seconds": 1.0,
    "queue": {"waiting": 0, "active": 0, "completed": 0, "failed": 0},
}


class View:
    async def get(self, query: object) -> dict[str, Any]:
        return {"stats": FIGURES}


class Row:
    """A day of which nothing is known but that it was asked for."""

    response_quantiles = None

    def __getattr__(self, name: str) -> int:
        return 0


class Database:
    def __init__(self) -> None:
        self.asked: list[date | None] = []

    async def row(self, query: object, zone: str, day: date | None) -> Row:
        self.asked.append(day)
        return Row()


@pytest.mark.parametrize(
    ("query", "source"),
    [("", "tables"), ("?day=2026-03-12", "tables"), ("?day=2026-03-11", "postgres")],
)
async def test_a_day_that_the_tables_do_not_keep_is_asked_of_postgres(query: str, source: str) -> None:
    settings = load_settings({"STATS_TIMEZONE": "America/Bogota", "STATS_DAYS_KEPT": "8"})
    database = Database()
    stats = Stats(settings, cast(Any, database), cast(Any, View()), lambda: NOW)
    answer = await stats.get(make_mocked_request("GET", f"/api/stats{query}"))
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["source"] == source
    assert len(database.asked) == (source == "postgres")
