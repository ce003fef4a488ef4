"""How long things are remembered."""

import pytest

from schemas.retention import log_kept_for, remembered_for
from schemas.settings import load_settings

DAY = 86_400.0


@pytest.mark.parametrize(
    ("days", "topic_hours", "seconds"), [(0, 24, None), (1, 24, 2 * DAY), (30, 24, 30 * DAY)]
)
def test_ids_are_remembered_as_long_as_topics_keep_events(
    days: float, topic_hours: int, seconds: float | None
) -> None:
    settings = load_settings({}, journal_retention_days=days, topic_retention_hours=topic_hours)
    kept = remembered_for(settings)
    assert (kept.total_seconds() if kept else None) == seconds


@pytest.mark.parametrize(
    ("messages", "journal", "days"),
    [(0, 0, None), (7, 0, 7), (0, 30, 30), (7, 30, 7), (30, 7, 7), (0.5, 1, 0.5)],
)
def test_the_log_has_messages_words_and_goes_with_them(
    messages: float, journal: float, days: float | None
) -> None:
    settings = load_settings(
        {}, message_retention_days=messages, journal_retention_days=journal, topic_retention_hours=24
    )
    kept = log_kept_for(settings)
    assert (kept.total_seconds() if kept else None) == (days * DAY if days else None)
