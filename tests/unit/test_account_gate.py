"""Everybody waits while a vendor refuses our account; one at a time tries, and all go once it is over."""

import asyncio
from datetime import UTC, datetime

from clients.account_gate import AccountGate
from tests.unit.mailboxes.virtual_time import now, virtual


def gate() -> AccountGate:
    return AccountGate("twilio", lambda: datetime.fromtimestamp(1_700_000_000 + now(), UTC))


def waiters(of: AccountGate, *names: str) -> tuple[list[str], list[asyncio.Task[None]]]:
    through: list[str] = []

    async def wait(name: str) -> None:
        await of.wait(name)
        through.append(name)

    return through, [asyncio.create_task(wait(name), name=name) for name in names]


@virtual
async def test_one_tries_each_time_and_all_go_when_it_got_through() -> None:
    account = gate()
    account.refused("x", "63112", by_report=True)
    through, _ = waiters(account, "a", "b", "c", "d")
    await asyncio.sleep(4.9)
    assert through == []
    await asyncio.sleep(0.2)
    assert through == ["a"]
    account.refused("a", "63112", by_report=True)
    await asyncio.sleep(5.1)
    assert through == ["a", "b"]
    account.went_through("b", by_report=False)
    assert account.pause is not None, "that it was taken is no proof of what a report has told"
    account.went_through("b", by_report=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (through, account.pause, account.shown()) == (["a", "b", "c", "d"], None, [])


@virtual
async def test_a_try_of_which_nothing_is_heard_is_followed_by_another() -> None:
    account = gate()
    account.refused("x", "20003", by_report=False)
    through, tasks = waiters(account, "a", "b")
    await asyncio.sleep(15.1)
    assert through == ["a", "b"]
    await asyncio.gather(*tasks)


@virtual
async def test_one_that_is_cut_off_when_its_turn_comes_leaves_it_to_the_next() -> None:
    account = gate()
    account.refused("x", "20003", by_report=False)
    through, tasks = waiters(account, "a", "b")
    await asyncio.sleep(4)
    tasks[0].cancel()
    await asyncio.sleep(1.1)
    assert through == ["b"]


@virtual
async def test_those_who_wait_are_let_go_when_their_partitions_are() -> None:
    account = gate()
    account.refused("x", "20003", by_report=False)
    through, tasks = waiters(account, "a", "b")
    await asyncio.sleep(1)
    account.abandon()
    await asyncio.wait(tasks)
    assert (through, [task.cancelled() for task in tasks]) == ([], [True, True])


@virtual
async def test_it_is_shown_with_its_code_and_when_it_is_tried_again() -> None:
    account = gate()
    account.refused("x", "20003", by_report=False)
    [shown] = account.shown()
    assert shown == {
        "vendor": "twilio",
        "scope": "account",
        "code": "20003",
        "since": "2023-11-14T22:13:20+00:00",
        "until": "2023-11-14T22:13:25+00:00",
    }
