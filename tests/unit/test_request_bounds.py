"""How long Kafka's clients wait: for a join as its members need, else no longer than an election takes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from clients.kafka.connection import REQUEST_TIMEOUT_MS
from clients.kafka.group_lag import GroupLag
from schemas.errors import Unavailable
from schemas.settings import load_settings
from streams.engine.membership import Membership
from streams.engine.request_bounds import bound_requests

_PATIENCE_MS, _NODE = 90_000, 1


class Client:
    """As much of aiokafka's as is bounded. `waits`: the time-out with which each request was written."""

    def __init__(self) -> None:
        self._request_timeout_ms = _PATIENCE_MS
        self._conns = {(_NODE, group): SimpleNamespace(_request_timeout=0.0) for group in ConnectionGroup}
        self.waits: list[float] = []

    async def ready(self, node_id: int, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> bool:
        return (node_id, group) in self._conns

    async def send(
        self,
        node_id: int,
        request: Any,  # noqa: ANN401
        *,
        group: ConnectionGroup = ConnectionGroup.DEFAULT,
    ) -> Any:  # noqa: ANN401
        if (node_id, group) in self._conns:
            self.waits.append(self._conns[node_id, group]._request_timeout)
        return SimpleNamespace(error_code=0)


def made(kind: type) -> Any:  # noqa: ANN401
    return kind.__new__(kind)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (JoinGroupRequest, 90.0),
        (SyncGroupRequest, 90.0),
        (HeartbeatRequest, 8.0),
        (FindCoordinatorRequest, 8.0),
    ],
)
async def test_each_kind_of_request_has_its_own_bound_whatever_was_sent_before(
    kind: type, seconds: float
) -> None:
    client = Client()
    bound_requests(client, Membership())
    for each in (JoinGroupRequest, HeartbeatRequest, kind):
        await client.send(_NODE, made(each), group=ConnectionGroup.COORDINATION)
    assert client.waits == [90.0, 8.0, seconds]
    assert client._request_timeout_ms == REQUEST_TIMEOUT_MS, "of what connections ask themselves"


async def test_a_node_that_is_not_there_is_the_clients_own_business() -> None:
    client = Client()
    bound_requests(client, Membership())
    await client.send(7, made(HeartbeatRequest))
    assert client.waits == []


async def test_a_look_that_takes_too_long_is_not_cut_off_so_that_its_request_can_end_a_dead_connection() -> (
    None
):
    lag = GroupLag(load_settings({}, kafka_bootstrap_servers="127.0.0.1:9"), "g", look_up_seconds=0.01)
    answers, ended = asyncio.Event(), asyncio.Event()

    async def look() -> int:
        await answers.wait()
        ended.set()
        return 1

    with pytest.raises(Unavailable):
        await lag.in_time(look())
    answers.set()
    await asyncio.wait_for(ended.wait(), 5.0)
    assert await lag.in_time(look()) == 1
    await lag.stop()
