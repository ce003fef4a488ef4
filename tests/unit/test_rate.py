"""A sender's rate is shared by the processes that have its partitions."""

import pytest

from schemas.settings import load_settings
from streams.turns.rate import Rate, allowed_per_second


@pytest.mark.parametrize(("share", "at_once"), [(1.0, 80), (0.5, 40), (0.125, 10)])
async def test_each_process_has_its_share(share: float, at_once: int) -> None:
    limiter = Rate(80, lambda: share).limiter()
    assert limiter.has_capacity(at_once)
    assert not limiter.has_capacity(at_once + 1)


async def test_a_share_changes_with_the_assignment_and_else_the_limiter_stays() -> None:
    shares = iter([1.0, 1.0, 0.5])
    rate = Rate(80, lambda: next(shares))
    first, same, other = rate.limiter(), rate.limiter(), rate.limiter()
    assert first is same
    assert other is not first
    assert other.max_rate == 40


async def test_less_than_one_a_second_lets_one_through_at_a_time() -> None:
    limiter = Rate(1, lambda: 0.25).limiter()
    assert (limiter.max_rate, limiter.time_period) == (1.0, 4.0)
    assert limiter.has_capacity()


@pytest.mark.parametrize(("account", "per_second"), [(None, 80), (200.0, 80), (30.0, 30)])
def test_the_accounts_rate_counts_where_it_is_lower(account: float | None, per_second: float) -> None:
    assert allowed_per_second(load_settings({}, twilio_account_messages_per_second=account)) == per_second
