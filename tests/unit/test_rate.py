"""A sender's rate is shared by the processes that own its partitions, and by waiting and new messages."""

import asyncio
from collections import deque

import pytest
from aiolimiter import AsyncLimiter

from clients.rate_limiter import Lane, RateLimiter, allowed_per_second
from schemas.settings import load_settings

# For the one let through to end and the next of its lane to come: more turns of the loop than it takes.
_STEPS = 20


@pytest.mark.parametrize(("share", "at_once"), [(1.0, 80), (0.5, 40), (0.125, 10)])
async def test_each_process_has_its_share(share: float, at_once: int) -> None:
    limiter = RateLimiter(80, lambda: share).limiter()
    assert limiter.has_capacity(at_once)
    assert not limiter.has_capacity(at_once + 1)


async def test_a_share_changes_with_the_assignment_and_else_the_limiter_stays() -> None:
    shares = iter([1.0, 1.0, 0.5])
    rate = RateLimiter(80, lambda: next(shares))
    first, same, other = rate.limiter(), rate.limiter(), rate.limiter()
    assert first is same
    assert other is not first
    assert other.max_rate == 40


async def test_less_than_one_a_second_lets_one_through_at_a_time() -> None:
    limiter = RateLimiter(1, lambda: 0.25).limiter()
    assert (limiter.max_rate, limiter.time_period) == (1.0, 4.0)
    assert limiter.has_capacity()


@pytest.mark.parametrize(("account", "per_second"), [(None, 80), (200.0, 80), (30.0, 30)])
def test_the_accounts_rate_counts_where_it_is_lower(account: float | None, per_second: float) -> None:
    assert allowed_per_second(load_settings({}, twilio_account_messages_per_second=account)) == per_second


class ByHand(AsyncLimiter):
    """Lets one through when told; who came first goes first."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.queue: deque[asyncio.Future[None]] = deque()

    async def acquire(self, amount: float = 1) -> None:
        self.queue.append(asyncio.get_running_loop().create_future())
        await self.queue[-1]

    async def let_one_through(self) -> None:
        self.queue.popleft().set_result(None)
        for _ in range(_STEPS):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("campaign", "rounds"),
    [(False, ["late", "fresh", "fresh", "fresh"]), (True, ["late", "fresh", "fresh", "fresh", "first"])],
)
async def test_what_has_waited_gets_a_share_and_what_comes_now_stands_behind_neither_it_nor_a_campaign(
    campaign: bool, rounds: list[str]
) -> None:
    limiter, taken = ByHand(), list[str]()

    class Rate(RateLimiter):
        def limiter(self) -> AsyncLimiter:
            return limiter

    rate = Rate(1)

    async def take(lane: Lane) -> None:
        await rate.take(lane)
        taken.append(lane)

    lanes: list[Lane] = ["late", "fresh", *(["first"] if campaign else [])]
    waiting = asyncio.gather(*(take(lane) for lane in lanes for _ in range(9)))
    await asyncio.sleep(0)
    assert not rate.take_now(), "others wait"
    for _ in range(9 * len(lanes)):
        await limiter.let_one_through()
    await waiting
    assert taken[: len(rounds) * 3] == rounds * 3
