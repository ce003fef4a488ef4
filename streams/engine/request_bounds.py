"""How long the consumer waits for an answer: a leader that is gone without a word must not be waited for as for a join.
And what the answers say of the membership in the group, which aiokafka keeps to itself.

aiokafka has one time-out for all requests. Joining a group lasts as long as its slowest member drains, a fetch 1.5 s; and a
connection whose machine is gone is closed by that time-out alone, upon which the leader is asked for anew.
"""

from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from clients.kafka.connection import REQUEST_TIMEOUT_MS
from streams.engine.membership import Membership

_REQUEST_SECONDS = REQUEST_TIMEOUT_MS / 1000
_WAIT_FOR_OTHERS = (JoinGroupRequest, SyncGroupRequest)
_TELL_OF_MEMBERSHIP = (HeartbeatRequest, SyncGroupRequest)


def bound_requests(client: Any, membership: Membership) -> None:  # noqa: ANN401 - aiokafka is untyped
    """Have each request of a client wait no longer than its kind needs; what waits for other members as long as before.
    `membership` is told what the coordinator says of it.
    """
    send, patience = client.send, client._request_timeout_ms / 1000
    client._request_timeout_ms = REQUEST_TIMEOUT_MS  # of new connections, and of what these ask themselves

    async def bounded(node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:  # noqa: ANN401
        if await client.ready(node_id, group=group):
            # Read as the request is written: before anybody else runs.
            connection = client._conns[node_id, group]
            connection._request_timeout = patience if isinstance(request, _WAIT_FOR_OTHERS) else _REQUEST_SECONDS
        asked_at = membership.steady()
        answer = await send(node_id, request, group=group)
        if isinstance(request, _TELL_OF_MEMBERSHIP):
            membership.heard(answer.error_code, asked_at)
        return answer

    client.send = bounded
