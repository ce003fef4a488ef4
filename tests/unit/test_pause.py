"""A vendor that is away is probed by one call at a time; all others wait for it."""

import asyncio

import pytest

from schemas.errors import Fenced, NumberBusy, RetryableError, TerminalError
from streams.turns import pause as pause_module
from streams.turns.pause import Pause
from tests.support.deadline import eventually


class Vendor:
    """Counts calls; away until told otherwise."""

    def __init__(self) -> None:
        self.away = True
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0

    async def call(self, pause: Pause) -> None:
        async with pause.attempt():
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            if self.away:
                raise RetryableError("vendor", "away")

    async def insist(self, pause: Pause) -> None:
        while True:
            try:
                return await self.call(pause)
            except RetryableError:
                continue


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    monkeypatch.setattr(pause_module, "_PROBE_EVERY_SECONDS", 0.01)
    return Pause("vendor")


async def _paused(pause: Pause, vendor: Vendor) -> None:
    while not pause.is_on:
        with pytest.raises(RetryableError):
            await vendor.call(pause)


async def test_a_number_that_gets_too_much_pauses_nobody_else(pause: Pause) -> None:
    for _ in range(20):
        with pytest.raises(NumberBusy):
            async with pause.attempt():
                raise NumberBusy("twilio", "too many to one person", 63018, 12.0)
    assert not pause.is_on


async def test_many_wait_for_one_probe_and_all_go_on(pause: Pause) -> None:
    vendor = Vendor()
    await _paused(pause, vendor)
    vendor.most_at_once, before = 0, vendor.calls
    waiting = [asyncio.create_task(vendor.insist(pause)) for _ in range(50)]

    async def probed_thrice() -> bool:
        return vendor.calls >= before + 3

    await eventually(probed_thrice, every=0.01)
    assert vendor.most_at_once == 1
    vendor.away = False
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
    assert not pause.is_on


async def test_a_success_between_failures_is_no_outage(pause: Pause) -> None:
    vendor = Vendor()
    for _ in range(10):
        vendor.away = not vendor.away
        await asyncio.gather(vendor.call(pause), return_exceptions=True)
    assert not pause.is_on


async def test_a_refusal_ends_the_pause(pause: Pause) -> None:
    await _paused(pause, Vendor())
    with pytest.raises(TerminalError):
        async with pause.attempt():
            raise TerminalError("vendor", "no")
    assert not pause.is_on


async def test_a_cancelled_probe_hands_on(pause: Pause) -> None:
    vendor = Vendor()
    await _paused(pause, vendor)
    first = asyncio.create_task(vendor.insist(pause))
    await asyncio.sleep(0)
    second = asyncio.create_task(vendor.insist(pause))
    await asyncio.sleep(0)
    first.cancel()
    vendor.away = False
    async with asyncio.timeout(5):
        await second
    await asyncio.gather(first, return_exceptions=True)


async def test_abandoned_waiters_are_fenced(pause: Pause) -> None:
    vendor = Vendor()
    await _paused(pause, vendor)
    waiting = asyncio.create_task(vendor.insist(pause))
    await asyncio.sleep(0)
    pause.abandon()
    with pytest.raises(Fenced):
        await waiting
