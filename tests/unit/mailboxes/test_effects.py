"""Effects start once, when their reason is durable; a reload finds them running; results become messages."""

import asyncio

from mailboxes.ports import Outcome, Verdict
from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import now, virtual
from tests.unit.mailboxes.world import Ask, Behaviour, Event, Message


async def slow() -> None:
    await asyncio.sleep(5)


@virtual
async def test_an_effect_starts_when_its_reason_is_durable() -> None:
    setting = Setting()
    setting.assign(0)
    started: list[float] = []

    async def answer(key: str, effect: Ask) -> Message:
        started.append(now())
        return Message("answer", effect.id)

    setting.host.answer, setting.store.before = answer, slow
    await setting.take("a", "1")
    await setting.settle()
    assert started == [5]
    assert setting.store.ids("a", "answer") == ["1"]


@virtual
async def test_a_message_meets_the_key_while_its_effect_runs() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    await setting.take("a", "2~")
    await asyncio.sleep(0.1)
    assert setting.host.running == {("a", "1")}
    assert [event.id for event in setting.store.events["a"]] == ["1", "2~"]
    await setting.settle()


@virtual
async def test_a_reload_finds_the_effect_running_and_starts_none() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    setting.store.events["a"].append(Event(1, "take", "foreign~"))
    await setting.take("a", "2~")
    await asyncio.sleep(0.1)
    assert setting.behaviour.handled[-2:] == [
        Message("recovered", running=frozenset({"1"})),
        Message("take", "2~"),
    ]
    await setting.settle()
    assert setting.host.asked == [("a", "1")]
    assert setting.store.ids("a", "answer") == ["1"]


@virtual
async def test_a_result_that_is_not_durable_is_decided_again_and_not_asked_for_again() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY]
    refusals = [Outcome.CONFLICT, ValueError("data"), ConnectionError("away")]
    setting.store.judge = lambda write: (
        refusals.pop() if refusals and write.writes[0].kind == "answer" else None
    )
    await setting.take("a", "1")
    await setting.settle()
    assert refusals == []
    assert setting.host.asked == [("a", "1")]
    assert setting.store.ids("a", "answer") == ["1"]


@virtual
async def test_what_is_not_wanted_any_more_is_cut_off_if_it_may_be() -> None:
    for cancellable in (True, False):
        setting = Setting(Behaviour(cancellable=cancellable), source=f"{cancellable}")
        setting.assign(0)
        await setting.take("a", "1")
        await turns()
        await setting.take("a", "", kind="cancel")
        await turns()
        assert setting.host.running == (set() if cancellable else {("a", "1")})
        await setting.settle()
        assert setting.released == [0, 1]


@virtual
async def test_one_that_raises_gives_its_partition_up() -> None:
    setting = Setting()
    setting.assign(0, 1)

    async def crash(key: str, effect: Ask) -> Message:
        raise ZeroDivisionError

    setting.host.answer = crash
    await setting.take("a", "1")
    await asyncio.sleep(1)
    assert setting.host.given == [(0, "ZeroDivisionError()")]
    assert setting.box.effects == {}


@virtual
async def test_one_without_result_is_told_to_nobody() -> None:
    setting = Setting()
    setting.assign(0)

    async def silent(key: str, effect: Ask) -> None:
        await asyncio.sleep(1)

    setting.host.answer = silent
    await setting.take("a", "1")
    await asyncio.sleep(2)
    assert [message.kind for message in setting.behaviour.handled] == ["recovered", "take"]
    assert setting.box.busy == {}


@virtual
async def test_an_eager_effect_does_not_wait_for_the_write_and_runs_once() -> None:
    setting = Setting(Behaviour(eager=True))
    setting.assign(0)
    setting.store.before = slow
    await setting.take("a", "1")
    await asyncio.sleep(0.5)
    assert setting.host.running == {("a", "1")}
    await asyncio.sleep(1)
    assert setting.store.ids("a", "answer") == [], "its result waits for what it answers"
    await setting.settle()
    assert setting.host.asked == [("a", "1")]
    assert [(event.kind, event.id) for event in setting.store.events["a"]] == [("take", "1"), ("answer", "1")]


@virtual
async def test_an_eager_effect_waits_for_what_was_decided_before_its_step() -> None:
    setting = Setting(Behaviour(eager=True))
    setting.assign(0)
    setting.store.before = slow
    await setting.take("a", "1~")
    await setting.take("a", "2")
    await asyncio.sleep(4)
    assert setting.host.asked == []
    await setting.settle()
    assert setting.host.asked == [("a", "2")]


@virtual
async def test_what_failed_once_is_not_begun_again_before_it_is_durable() -> None:
    setting = Setting(Behaviour(eager=True))
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY, Verdict.RETRY, Verdict.SKIP]
    setting.store.judge = lambda write: ValueError("data") if write.writes[0].kind == "take" else None
    setting.store.before = slow
    await setting.take("a", "1")
    await setting.settle()
    assert (setting.host.asked, setting.store.ids("a", "answer")) == ([("a", "1")], [])


@virtual
async def test_an_eager_effect_of_a_partition_that_turns_out_to_be_lost_is_cut_off() -> None:
    setting = Setting(Behaviour(eager=True, cancellable=True))
    setting.assign(0)
    setting.store.epochs[0] += 1
    await setting.take("a", "1")
    await asyncio.sleep(0.5)
    assert (setting.host.asked, setting.host.running) == ([("a", "1")], set())


@virtual
async def test_the_result_of_a_partition_that_left_is_handed_back() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    setting.box.revoke([0])
    await asyncio.sleep(2)
    assert setting.host.orphans == [("a", Message("answer", "1"))]


@virtual
async def test_a_result_that_is_fenced_is_handed_back() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    setting.store.epochs[0] += 1
    await asyncio.sleep(2)
    assert setting.host.orphans == [("a", Message("answer", "1"))]
    assert setting.box.effects == {}


@virtual
async def test_a_partition_that_comes_back_finds_its_effect_running() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    setting.assign(0)
    await setting.box.recover(0, ["a"])
    await asyncio.sleep(5)
    assert setting.host.asked == [("a", "1")]
    assert setting.store.ids("a", "answer") == ["1"]
    assert setting.host.orphans == []


async def eager_setting(answer_seconds: float) -> tuple[Setting, list[tuple[str, float]]]:
    """Questions start at once. What happens is in the list, with its time."""
    setting, seen = Setting(Behaviour(eager=True)), list[tuple[str, float]]()
    setting.assign(0)

    async def answer(key: str, effect: Ask) -> Message:
        seen.append((f"asked {effect.id}", now()))
        await asyncio.sleep(answer_seconds)
        return Message("answer", effect.id)

    async def before() -> None:
        seen.append(("written", now()))

    setting.host.answer, setting.store.before = answer, before
    return setting, seen


@virtual
async def test_a_step_whose_effect_went_out_waits_for_company() -> None:
    setting, seen = await eager_setting(answer_seconds=5)
    await setting.take("a", "1")
    await setting.settle()
    assert seen == [("asked 1", 0), ("written", setting.limits.patience), ("written", 5)]


@virtual
async def test_it_waits_no_longer_than_for_the_result() -> None:
    setting, seen = await eager_setting(answer_seconds=0.01)
    await setting.take("a", "1")
    await setting.settle()
    assert seen == [("asked 1", 0), ("written", 0.01)]
    assert [event.kind for event in setting.store.events["a"]] == ["take", "answer"]


@virtual
async def test_a_step_whose_effect_waits_for_what_is_before_it_is_in_a_hurry() -> None:
    setting, seen = await eager_setting(answer_seconds=5)
    await setting.take("a", "1~")
    await turns()
    await setting.take("a", "2")
    await setting.settle()
    assert seen == [("written", 0), ("asked 2", 0), ("written", 5)]
