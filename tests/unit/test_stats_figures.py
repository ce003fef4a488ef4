"""Figures made of the sums: the contract's, a campaign's days, quantiles."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.stats.days import QUANTILES, bucket, quantiles
from streams.stats.totals import Totals, campaign_days, figures
from tests.support.stats_told import NOON, deliver, event, story


def test_the_figures_are_those_of_the_contract() -> None:
    phones = [f"+5731385391{number}" for number in range(10, 14)]
    started = [event(1, "started", conversation=n, phone=phone) for n, phone in enumerate(phones, 1)]
    answered = [event(2, "received", conversation=n, phone=phone) for n, phone in enumerate(phones[:3], 1)]
    sent = [
        event(3, "sent", conversation=1, phone=phones[0], response_seconds=40),
        event(3, "sent", conversation=2, phone=phones[1], response_seconds=50),
        event(2, "closed", conversation=4, phone=phones[3]),
    ]
    _, totals = deliver([*started, *answered, *sent])
    found = figures([totals.of("2025-10-28")])
    assert found.pop("response_time_seconds") == pytest.approx({"p50": 40, "p95": 40, "p99": 40}, rel=0.01)
    assert found == {
        "active_conversations": 3,
        "total_conversations_today": 4,
        "messages_sent_today": 2,
        "messages_received_today": 3,
        "response_rate": 75.0,
        "avg_response_time_seconds": 45.0,
    }
    assert figures([totals.of("2025-10-30")])["response_rate"] == 0


def test_a_call_counts_for_the_day_on_which_it_began() -> None:
    next_day = NOON + timedelta(days=1)
    first = {"batch_id": "b1", "group_id": "5", "turn_id": 7}
    record = story(
        event(1, "started", **first),
        event(2, "sent", kind="first"),
        event(3, "delivered", next_day, kind="first", turn_id=7, status="read"),
        event(4, "failed", next_day, what="delivery", code="63016"),
        event(5, "received", next_day),
        event(6, "started", next_day, batch_id="b2", turn_id=9),
        event(7, "opted_out", next_day),
        event(8, "delivered", next_day, kind="reply", turn_id=8, status="delivered"),
    )
    totals = Totals()
    totals.replace(None, record)
    none = dict.fromkeys(("delivered", "read", "answered", "escalated", "stopped", "failed"), 0)
    b1 = {
        "started": 1,
        **none,
        "delivered": 1,
        "read": 1,
        "answered": 1,
        "failed": 1,
        "reasons": {"63016": 1},
    }
    assert campaign_days([totals.campaign({"batch_id": "b1"})]) == {"2025-10-28": b1}
    assert campaign_days([totals.campaign({"batch_id": "b1", "group_id": "6"})]) == {}
    assert campaign_days([totals.campaign({"batch_id": "b2"})]) == {
        "2025-10-29": {"started": 1, **none, "stopped": 1, "reasons": {}}
    }


@given(st.lists(st.decimals("0.001", 600, places=6).map(float), min_size=1, max_size=60), st.integers(1, 3))
def test_quantiles_of_merged_sketches_are_right_to_one_percent(seconds: list[float], workers: int) -> None:
    parts: list[Counter[str]] = [Counter() for _ in range(workers)]
    for index, each in enumerate(seconds):
        parts[index % workers][bucket(round(each * 1_000_000))] += 1
    merged = sum(parts, Counter())
    for name, share in QUANTILES.items():
        exact = sorted(seconds)[int(share * (len(seconds) - 1))]
        assert quantiles(merged)[name] == pytest.approx(exact, rel=0.021, abs=0.001)
