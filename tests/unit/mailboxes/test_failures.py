"""The host judges what fails by itself; conflicts are decided again; a fenced partition is given up."""

import asyncio

from mailboxes.ports import KeyWrite, Outcome, Verdict
from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import virtual
from tests.unit.mailboxes.world import Ask, Event, Message


def refusing(setting: Setting, *ids: str) -> None:
    """The store cannot write these."""

    def judge(write: KeyWrite[Event]) -> Exception | None:
        return ValueError("data") if any(event.id in ids for event in write.writes) else None

    setting.store.judge = judge


@virtual
async def test_a_message_that_cannot_be_handled_is_judged_and_holds_back_its_key_alone() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY, Verdict.RETRY, Verdict.SKIP]
    await setting.take("a", "1~")
    await setting.take("a", "2~", kind="poison")
    await setting.take("a", "3~")
    await setting.take("b", "4~")
    await setting.settle()
    assert [attempt for *_, attempt in setting.host.rejections] == [1, 2, 3]
    assert {(key, message and message.id) for key, message, *_ in setting.host.rejections} == {("a", "2~")}
    assert setting.store.ids("a", "take") == ["1~", "3~"]
    assert setting.released == [0, 1, 2, 3]


@virtual
async def test_stop_gives_the_partition_up_and_no_other() -> None:
    setting = Setting()
    setting.assign(0, 1)
    await setting.take("a", "1~", kind="poison")
    await setting.take("b", "2~", partition=1)
    await setting.settle()
    assert setting.host.given == [(0, "Refused(<Verdict.STOP: 3>)")]
    assert setting.host.released == [("in", 1, 0)]
    assert not await setting.take("a", "3~")


@virtual
async def test_something_else_is_told_in_its_place_and_its_record_is_released_with_that() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY, Message("take", "sorry~")]
    await setting.take("a", "1~")
    await setting.take("a", "2~", kind="poison")
    await setting.take("a", "3~")
    await setting.take("b", "4~")
    await setting.settle()
    assert setting.store.ids("a", "take") == ["1~", "sorry~", "3~"]
    assert setting.released == [0, 1, 2, 3]


@virtual
async def test_a_state_that_cannot_be_gone_on_with_is_the_fault_of_the_next_message() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY, Verdict.SKIP]
    setting.behaviour.broken = True
    await setting.take("a", "1~")
    await setting.take("a", "2~")
    await turns(100)
    assert [message and message.id for _, message, *_ in setting.host.rejections] == ["1~", "1~", "2~", None]
    assert (setting.released, setting.in_memory) == ([0, 1], 0)


@virtual
async def test_one_write_that_fails_is_found_among_its_keys_and_among_its_messages() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.SKIP]
    refusing(setting, "3~")
    for number in range(6):
        await setting.take("a", f"{number}~")
        await setting.take("b", f"{number + 10}~")
    await setting.settle()
    assert [message and message.id for _, message, *_ in setting.host.rejections] == ["3~"]
    assert setting.store.ids("a", "take") == ["0~", "1~", "2~", "4~", "5~"]
    assert setting.store.ids("b", "take") == [f"{number + 10}~" for number in range(6)]
    assert setting.released == list(range(12))


@virtual
async def test_after_the_one_that_failed_messages_share_writes_again() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.SKIP]
    refusing(setting, "0~")
    await setting.take("a", "0~")
    await setting.take("a", "1~")
    await asyncio.sleep(1)
    before = len(setting.store.groups)
    for number in range(2, 6):
        await setting.take("a", f"{number}~")
    await setting.settle()
    assert len(setting.store.groups) == before + 1


@virtual
async def test_a_conflict_loads_the_state_anew_and_decides_again() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1~")
    await asyncio.sleep(1)
    setting.store.events["a"].append(Event(1, "take", "foreign~"))
    await setting.take("a", "foreign~")
    await setting.take("a", "2~")
    await setting.settle()
    assert setting.store.ids("a", "take") == ["1~", "foreign~", "2~"]
    assert setting.released == [0, 1, 2]
    assert setting.host.rejections == []
    assert setting.store.loads == [["a"], ["a"]]


@virtual
async def test_a_lost_acknowledgement_is_recognised_by_the_id_of_the_write() -> None:
    setting = Setting()
    setting.assign(0)
    cuts = [ConnectionError("cut off")]

    async def cut() -> None:
        if cuts:
            raise cuts.pop()

    setting.store.after = cut
    await setting.take("a", "1~")
    await setting.take("b", "2~")
    await setting.settle()
    assert setting.store.groups == [["a", "b"], ["a"], ["b"]]
    assert setting.store.ids("a", "take") == ["1~"]
    assert setting.host.rejections == []


@virtual
async def test_a_conflict_without_end_is_judged() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.SKIP]
    setting.store.judge = lambda write: Outcome.CONFLICT if write.key == "a" else None
    await setting.take("a", "1~")
    await setting.take("b", "2~")
    await setting.settle()
    assert [(key, error) for key, _, error, _ in setting.host.rejections] == [
        ("a", "Refused(<Outcome.CONFLICT: 2>)")
    ]
    assert setting.released == [0, 1]


@virtual
async def test_a_fenced_partition_is_given_up_and_nothing_more_is_done_for_it() -> None:
    setting = Setting()
    setting.assign(0, 1)
    await setting.take("a", "1~")
    setting.store.epochs[0] += 1
    await asyncio.sleep(1)
    assert setting.released == []
    assert setting.host.given == [(0, "Refused(<Outcome.FENCED: 3>)")]
    assert not await setting.take("a", "2~")
    assert await setting.take("b", "3~", partition=1)
    await setting.settle()
    assert setting.host.released == [("in", 1, 0)]


@virtual
async def test_a_key_that_cannot_be_loaded_is_nobody_elses_failure() -> None:
    setting = Setting()
    setting.assign(0)
    setting.host.verdicts = [Verdict.RETRY, Verdict.SKIP]
    load = setting.store.load

    async def fail(keys: list[str]) -> object:
        if "bad" in keys:
            raise LookupError("broken row")
        return await load(keys)

    setting.store.load = fail  # type: ignore[method-assign, assignment]
    await setting.box.recover(0, ["bad"])
    await setting.take("good", "1~")
    await turns()
    await setting.settle()
    assert [(key, message) for key, message, *_ in setting.host.rejections] == [("bad", None), ("bad", None)]
    assert setting.store.ids("good", "take") == ["1~"]
    assert setting.in_memory == 0  # after the drain


@virtual
async def test_an_effect_that_fails_when_its_partition_has_left_concerns_nobody() -> None:
    setting, unhandled = Setting(), list[object]()
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: unhandled.append(context["exception"])
    )

    async def fails(key: str, effect: Ask) -> Message | None:
        await asyncio.sleep(1)
        raise ValueError("not ours")

    setting.host.answer = fails
    setting.assign(0)
    await setting.take("a", "1")
    await asyncio.sleep(0.5)
    setting.box.revoke([0])
    await asyncio.sleep(1)
    assert (setting.box.effects, setting.host.given, unhandled) == ({}, [], [])
