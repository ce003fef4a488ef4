"""A question waits until the group counts this process, as the coordinator's answers show."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IllegalGenerationError,
    NoError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest

from streams.engine.membership import SESSION_TIMEOUT_SECONDS, Membership
from streams.engine.request_bounds import bound_requests
from tests.unit.mailboxes.virtual_time import now, virtual


def member() -> Membership:
    return Membership(now, SESSION_TIMEOUT_SECONDS)


@virtual
async def test_it_is_sure_for_a_session_from_when_the_newest_heartbeat_left() -> None:
    membership = member()
    await asyncio.sleep(5)
    membership.heard(NoError.errno, asked_at=2)
    membership.heard(NoError.errno, asked_at=1)
    await asyncio.sleep(2.9)
    assert membership.is_sure
    await asyncio.sleep(0.2)
    assert not membership.is_sure


@virtual
async def test_who_waits_goes_on_with_the_next_heartbeat_that_is_acknowledged() -> None:
    membership = member()
    await asyncio.sleep(20)
    waiting = [asyncio.create_task(membership.until_sure()) for _ in range(2)]
    membership.heard(NoError.errno, asked_at=now() - SESSION_TIMEOUT_SECONDS)
    await asyncio.sleep(1)
    assert not any(task.done() for task in waiting), "the answer to one that left too long ago"
    membership.heard(NoError.errno, asked_at=now())
    await asyncio.gather(*waiting)


@pytest.mark.parametrize(
    ("error", "is_sure"),
    [
        (NoError, True),
        (RebalanceInProgressError, True),
        (GroupCoordinatorNotAvailableError, True),
        (UnknownMemberIdError, False),
        (IllegalGenerationError, False),
    ],
)
@virtual
async def test_who_is_given_up_knows_at_once(error: Any, is_sure: bool) -> None:  # noqa: ANN401
    membership = member()
    membership.heard(error.errno, asked_at=now())
    assert membership.is_sure is is_sure


@virtual
async def test_who_is_in_no_group_is_always_sure() -> None:
    membership = Membership(now)
    await asyncio.sleep(10 * SESSION_TIMEOUT_SECONDS)
    assert membership.is_sure


@virtual
async def test_heartbeats_and_assignments_are_heard_and_nothing_else() -> None:
    async def ready(node: int, group: Any) -> bool:  # noqa: ANN401
        return False

    async def send(node: int, request: Any, group: Any) -> Any:  # noqa: ANN401
        await asyncio.sleep(1)
        return SimpleNamespace(error_code=NoError.errno)

    client = SimpleNamespace(send=send, ready=ready, _request_timeout_ms=30_000)
    membership = member()
    bound_requests(client, membership)
    await asyncio.sleep(10)
    await client.send(1, FetchRequest(0, 0, 0, 0, []))
    assert not membership.is_sure
    for request in (HeartbeatRequest("g", 1, "m"), SyncGroupRequest("g", 1, "m", None, [])):
        await client.send(1, request)
        assert membership.is_sure
        await asyncio.sleep(SESSION_TIMEOUT_SECONDS)
        assert not membership.is_sure
