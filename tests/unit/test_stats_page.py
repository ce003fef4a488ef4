"""Pages of conversations."""

from typing import Any

import pytest

from schemas.errors import InvalidInput
from streams.stats.page import Page, shown

RECORDS: list[dict[str, Any]] = [
    {
        "conversation_id": number,
        "phone_number": f"+573138539{100 + number}",
        "status": "active" if number % 2 else "closed",
        "batch_id": "b1" if number < 5 else "b2",
        "agent_id": "a",
        "days": {},
        "calls": [],
        "partition": 0,
        "started_day": None,
        "client_name": "Ana",
    }
    for number in (7, 3, 1, 2, 5, 4, 6)
]


def ids(page: dict[str, Any]) -> list[int]:
    return [line["conversation_id"] for line in page["conversations"]]


def test_pages_follow_each_other_until_the_end() -> None:
    seen, after = [], "0"
    while after:
        page = Page.from_query({"limit": "3", "after": after})
        merged = page.merged([page.of(RECORDS[:4]), page.of(RECORDS[4:])])
        seen += ids(merged)
        after = str(merged["next"] or "")
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_filters_hold_together() -> None:
    page = Page.from_query({"status": "active", "batch_id": "b1", "agent_id": "a"})
    assert ids(page.merged([page.of(RECORDS)])) == [1, 3]
    assert Page.from_query(page.query()) == page


def test_what_a_record_is_kept_by_is_not_shown() -> None:
    page = Page.from_query({"limit": "1"})
    (line,) = page.merged([page.of(RECORDS)])["conversations"]
    assert (line["phone_number"], line["client_name"]) == ("+573138539101", "Ana")
    assert not {"partition", "days", "calls", "started_day"} & set(line)
    assert "partition" not in shown(RECORDS[0])


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "501"}, {"after": "-1"}, {"limit": "x"}, {"after": "١"}, {"batch": "b1"}],
)
def test_what_cannot_be_asked_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Page.from_query(query)
