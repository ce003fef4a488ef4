"""A vendor that is away is probed by one call at a time, and all others wait for it."""

import asyncio

import pytest

from clients.circuit_breaker import CircuitBreaker
from schemas.errors import NumberBusy, RetryableError, TerminalError
from tests.support.deadline import eventually


class Vendor:
    """Counts calls; away until told otherwise."""

    def __init__(self) -> None:
        self.away = True
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0

    async def call(self, breaker: CircuitBreaker) -> None:
        async with breaker.call():
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            if self.away:
                raise RetryableError("vendor", "away")

    async def insist(self, breaker: CircuitBreaker) -> None:
        while True:
            try:
                return await self.call(breaker)
            except RetryableError:
                continue


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker("vendor", probe_every_seconds=0.01)


async def _opened(breaker: CircuitBreaker, vendor: Vendor) -> None:
    while not breaker.is_open:
        with pytest.raises(RetryableError):
            await vendor.call(breaker)


async def test_a_number_that_gets_too_much_pauses_nobody_else(breaker: CircuitBreaker) -> None:
    for _ in range(20):
        with pytest.raises(NumberBusy):
            async with breaker.call():
                raise NumberBusy("twilio", "too many to one person", 63018, 12.0)
    assert not breaker.is_open


async def test_many_wait_for_one_probe_and_all_go_on(breaker: CircuitBreaker) -> None:
    vendor = Vendor()
    await _opened(breaker, vendor)
    vendor.most_at_once, before = 0, vendor.calls
    waiting = [asyncio.create_task(vendor.insist(breaker)) for _ in range(50)]

    async def probed_thrice() -> bool:
        return vendor.calls >= before + 3

    await eventually(probed_thrice, every=0.01)
    assert vendor.most_at_once == 1
    vendor.away = False
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
    assert not breaker.is_open


async def test_a_success_between_failures_is_no_outage(breaker: CircuitBreaker) -> None:
    vendor = Vendor()
    for _ in range(10):
        vendor.away = not vendor.away
        await asyncio.gather(vendor.call(breaker), return_exceptions=True)
    assert not breaker.is_open


async def test_a_refusal_closes_it(breaker: CircuitBreaker) -> None:
    await _opened(breaker, Vendor())
    with pytest.raises(TerminalError):
        async with breaker.call():
            raise TerminalError("vendor", "no")
    assert not breaker.is_open


async def test_a_cancelled_probe_hands_on(breaker: CircuitBreaker) -> None:
    vendor = Vendor()
    await _opened(breaker, vendor)
    first = asyncio.create_task(vendor.insist(breaker))
    await asyncio.sleep(0)
    second = asyncio.create_task(vendor.insist(breaker))
    await asyncio.sleep(0)
    first.cancel()
    vendor.away = False
    async with asyncio.timeout(5):
        await second
    await asyncio.gather(first, return_exceptions=True)


async def test_abandoned_waiters_are_cancelled(breaker: CircuitBreaker) -> None:
    vendor = Vendor()
    await _opened(breaker, vendor)
    waiting = asyncio.create_task(vendor.insist(breaker))
    await asyncio.sleep(0)
    breaker.abandon()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_vendor_that_answers_nothing_is_paused_before_the_first_time_out() -> None:
    breaker, answers = CircuitBreaker("vendor", slow_after_seconds=0.01), asyncio.Event()

    async def ask() -> None:
        async with breaker.call():
            await answers.wait()

    hanging = [asyncio.create_task(ask()) for _ in range(5)]

    async def is_open() -> bool:
        return breaker.is_open

    await eventually(is_open, every=0.01)
    assert not any(each.done() for each in hanging)
    answers.set()
    await asyncio.gather(*hanging)
    assert not breaker.is_open, "it answers"


async def test_a_probe_that_hangs_is_not_the_last_one() -> None:
    breaker, vendor = CircuitBreaker("vendor", probe_every_seconds=0.01, probe_lost_seconds=0.01), Vendor()
    await _opened(breaker, vendor)
    never, probed = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        async with breaker.call():
            probed.set()
            await never.wait()

    hanging = asyncio.create_task(hang())
    await probed.wait()
    vendor.away = False
    async with asyncio.timeout(5):
        await vendor.call(breaker)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
