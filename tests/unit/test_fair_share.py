"""After an outage thousands wait: a client who writes with nothing waiting is answered almost as in calm."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.agent import AgentReply, Question
from clients.circuit_breaker import CircuitBreaker
from clients.concurrency_limiter import ConcurrencyLimiter
from clients.elevenlabs.agent import BoundedAgent
from clients.fair_share import FRESH_SHARE, LATE_SHARE, FairQueue
from clients.messenger import Listing
from clients.rate_limiter import RateLimiter
from clients.sender_standing import SenderStanding
from rules.effects import AwaitSlot
from rules.inputs import SlotTaken
from rules.turns import Part
from schemas.errors import RetryableError
from streams.actors.effects.delivery import Delivery
from tests.unit.mailboxes.virtual_time import now, virtual

_BACKLOG = 5_000
_BOUND_SECONDS = 5.0
"""So much longer than in calm a client may wait who writes after the end and has nothing waiting."""
# Powers of two, so that virtual time is exact; the fresh have all of their share.
_PER_SECOND, _TICK, _FRESH_A_TICK = 64.0, 1 / 16, 3
_SECONDS = 60
_BEGAN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_OUTAGE = timedelta(minutes=5)


def clock() -> datetime:
    return _BEGAN + timedelta(seconds=now())


async def write_now(each: Callable[[], Awaitable[object]], at_once: int = _FRESH_A_TICK) -> list[float]:
    """Have some come at each tick, for a minute; return how long each of them took."""
    took: list[float] = []

    async def one() -> None:
        begun = now()
        await each()
        took.append(now() - begun)

    async with asyncio.TaskGroup() as everybody:
        for _ in range(int(_SECONDS / _TICK)):
            for _ in range(at_once):
                everybody.create_task(one())
            await asyncio.sleep(_TICK)
    return took


class Twilio:
    """Answers what it is asked for."""

    vendor = "twilio"

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        return Listing(messages=())


def delivery(breaker: CircuitBreaker) -> Delivery:
    unused: dict[str, Any] = {"epoch_of": None, "confirm": None, "may_leave": None, "find_restored": None}
    standing = SenderStanding("twilio", clock)
    return Delivery(cast(Any, Twilio()), breaker, RateLimiter(_PER_SECOND), standing, now=clock, **unused)


@virtual
async def test_answers_to_those_who_write_after_twilios_outage_do_not_wait_behind_thousands() -> None:
    breaker = CircuitBreaker("twilio")
    sender, left = delivery(breaker), list[int]()
    while not breaker.is_open:
        with pytest.raises(RetryableError), breaker.watch():
            raise RetryableError("twilio", "HTTP 503")

    async def send(number: int, since: datetime) -> None:
        part = Part(own_id=str(number), to="whatsapp:+573138539155", body="hola")
        taken = await sender.await_slot(AwaitSlot(id=f"slot:{number}", part=part, since=since))
        assert taken == SlotTaken(own_id=part.own_id)
        with breaker.watch():
            left.append(number)

    backlog = [asyncio.create_task(send(number, _BEGAN - _OUTAGE)) for number in range(_BACKLOG)]
    await backlog[0]  # the probe, after which all go on
    begun = now()
    took = await write_now(lambda: send(-1, clock()))
    assert max(took) <= _BOUND_SECONDS
    assert len(left) >= 0.95 * _PER_SECOND * (now() - begun), "the sender's rate is used"
    await asyncio.gather(*backlog)
    waited = [number for number in left if number >= 0]
    assert waited == sorted(waited), "oldest first"


@virtual
async def test_questions_of_those_who_write_after_elevenlabs_outage_do_not_wait_behind_thousands() -> None:
    thinks, places = 2.0, 100
    asked: list[str] = []

    class Thinking:
        async def ask(self, question: Question) -> AgentReply:
            asked.append(question.text)
            await asyncio.sleep(thinks)
            return AgentReply(text="sí", raw={}, transport="rest")

    bounded = BoundedAgent(Thinking(), places)

    async def ask(number: int, *, is_late: bool) -> None:
        question = Question(conversation_id="", agent_id="a", text=str(number), user_id="u", is_late=is_late)
        await bounded.ask(question)

    backlog = [asyncio.create_task(ask(number, is_late=True)) for number in range(_BACKLOG)]
    await asyncio.sleep(0)
    took = await write_now(lambda: ask(-1, is_late=False), at_once=2)
    assert max(took) <= thinks + _BOUND_SECONDS
    await asyncio.gather(*backlog)
    waited = [int(text) for text in asked if text != "-1"]
    assert waited == sorted(waited), "oldest first"


async def test_places_are_given_in_shares_while_both_wait_and_then_to_whoever_is_left() -> None:
    places, order, go = ConcurrencyLimiter(1), list[str](), asyncio.Event()

    async def one(name: str) -> None:
        async with places.one(is_late=name == "late"):
            order.append(name)
            await go.wait()

    names = ["first", *["late"] * 4, *["fresh"] * 7]
    tasks = [asyncio.create_task(one(name)) for name in names]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    assert order == ["first", *(["fresh"] * FRESH_SHARE + ["late"] * LATE_SHARE) * 2, "fresh", "late", "late"]


async def test_who_has_given_up_has_no_turn() -> None:
    queue, loop = FairQueue(), asyncio.get_running_loop()
    waiters = [loop.create_future() for _ in range(3)]
    for place, waiter in enumerate(waiters):
        queue.append(waiter, is_late=place == 0)
    waiters[1].cancel()
    assert [queue.pop(), queue.pop(), queue.pop()] == [waiters[2], waiters[0], None]
