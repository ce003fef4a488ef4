"""An effect that fails in an unforeseen way is retried, and stops its partition if many fail alike."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from mailboxes.ports import Refused, Verdict
from rules import effects as f
from rules import inputs as i
from schemas.errors import Fenced
from streams.actors.effects.runner import EffectRunner
from streams.actors.judge import MANY_NUMBERS, WAITS
from streams.actors.rejections import Rejections
from streams.actors.values import Job, Told
from tests.support.chat import START
from tests.unit.mailboxes.virtual_time import now, virtual

NUMBER = "+573138539155"
RESERVE = Job(f.ReserveCampaignSlot(id="campaign:1:0", turn_id=1, batch_id="b"))
TELL = Job(f.TellBackend(id="post:1:1:0", conversation_id=1, number=1))
_WHOM: Any = {
    "agent_id": "a",
    "call_id": "c",
    "client_name": None,
    "has_details": True,
    "meanwhile_since": None,
}
ASK = Job(f.AskAgent(id="ask:1", question=(), **_WHOM))
SLOT = i.CampaignSlot(turn_id=1, at=START + timedelta(minutes=1))


class Performer:
    """Raises these, one after the other, then gives a slot."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.abandoned = False
        self.seconds = 1.0

    async def perform(self, key: str, effect: f.Effect) -> i.Input:
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.sleep(self.seconds)
        return SLOT

    def abandon(self) -> None:
        self.abandoned = True


def running(performer: Performer) -> EffectRunner:
    return EffectRunner(cast(Any, performer), Rejections(cast(Any, None)))


@virtual
async def test_it_is_tried_again_and_again_as_long_as_it_is_wanted() -> None:
    many = len(WAITS) + 3
    told = await running(Performer(*(KeyError("x") for _ in range(many)))).run(NUMBER, RESERVE)
    assert (told, now()) == (Told(given=SLOT), sum(WAITS) + 3 * WAITS[-1] + 1)


@virtual
async def test_a_newer_owner_is_no_failure() -> None:
    with pytest.raises(Fenced):
        await running(Performer(Fenced("epoch"))).run(NUMBER, RESERVE)
    assert now() == 0


@virtual
async def test_many_numbers_whose_effects_fail_alike_stop_their_partition() -> None:
    runner = running(Performer(*(KeyError("x") for _ in range(MANY_NUMBERS))))
    ends = await asyncio.gather(
        *(runner.run(f"{NUMBER}{place}", RESERVE) for place in range(MANY_NUMBERS)), return_exceptions=True
    )
    assert [end.args for end in ends if isinstance(end, Refused)] == [(Verdict.STOP,)]


@virtual
async def test_the_age_of_the_oldest_is_told_but_not_of_what_only_waits() -> None:
    runner = running(Performer())
    waiting = asyncio.create_task(runner.run(NUMBER, RESERVE))
    await asyncio.sleep(0.25)
    assert runner.oldest_seconds() is None
    telling = asyncio.create_task(runner.run(NUMBER, TELL))
    await asyncio.sleep(0.5)
    assert runner.oldest_seconds() == 0.5
    await asyncio.gather(waiting, telling)
    assert runner.oldest_seconds() is None


@virtual
async def test_a_drain_waits_for_twice_as_long_as_nearly_all_took_lately() -> None:
    """One that hangs does not hold up everybody. Questions to an agent that takes its time are heard out."""
    performer, cap = Performer(), 10.0
    runner = running(performer)
    performer.seconds = 3600
    hanging = asyncio.create_task(runner.run(NUMBER, TELL))
    await asyncio.sleep(0)
    assert runner.worth_waiting(cap) == cap, "who knows nothing waits"
    for seconds, worth in ((0.3, 2), (3, 6), (30, cap)):
        performer.seconds = seconds
        await asyncio.gather(*(runner.run(f"{NUMBER}{place}", TELL) for place in range(400)))
        assert runner.worth_waiting(cap) == worth
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert runner.worth_waiting(cap) == 2, "nothing runs"


@virtual
async def test_many_quick_sends_do_not_make_a_drain_too_short_for_a_question() -> None:
    performer, cap = Performer(), 10.0
    runner = running(performer)
    performer.seconds = 4
    await asyncio.gather(*(runner.run(f"{NUMBER}{place}", ASK) for place in range(20)))
    performer.seconds = 0.1
    await asyncio.gather(*(runner.run(f"{NUMBER}{place}", TELL) for place in range(400)))
    performer.seconds = 1
    telling = asyncio.create_task(runner.run(NUMBER, TELL))
    await asyncio.sleep(0)
    assert runner.worth_waiting(cap) == 2
    asking = asyncio.create_task(runner.run(NUMBER, ASK))
    await asyncio.sleep(0)
    assert runner.worth_waiting(cap) == 8
    await asyncio.gather(telling, asking)


@virtual
async def test_what_was_cut_off_tells_nothing_of_how_long_others_take() -> None:
    runner = running(Performer())
    cut = [asyncio.create_task(runner.run(f"{NUMBER}{place}", TELL)) for place in range(100)]
    await asyncio.sleep(0.5)
    for task in cut[1:]:
        task.cancel()
    await asyncio.gather(*cut[1:], return_exceptions=True)
    assert runner.worth_waiting(10) == 10
    await cut[0]


@virtual
async def test_where_another_may_be_asking_already_a_question_is_cut_off_and_a_send_is_not() -> None:
    runner = running(Performer())
    asking, telling = (asyncio.create_task(runner.run(NUMBER, job)) for job in (ASK, TELL))
    await asyncio.sleep(0.5)
    runner.abandon()
    await asyncio.sleep(0.1)
    assert not asking.done(), "a drain hears the agent out"
    runner.abandon(also_asked=True)
    await asyncio.gather(asking, telling, return_exceptions=True)
    assert asking.cancelled()
    assert telling.result() == Told(given=SLOT)
