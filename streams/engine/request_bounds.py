"""How long the consumer waits for an answer, and what answers say about its membership in the group.

A leader that is gone without a word must not be waited for as long as a join. aiokafka keeps to itself what
answers say about membership, and has one time-out for all requests. Joining a group takes as long as its
slowest member drains, a fetch 1.5 s. A connection whose machine is gone is closed by that time-out alone,
after which the leader is looked up anew.
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
    """Have each of a client's requests wait no longer than its kind needs.

    Those that wait for other members wait as before. `membership` is told what the coordinator says of it.
    """
    send, patience = client.send, client._request_timeout_ms / 1000
    client._request_timeout_ms = REQUEST_TIMEOUT_MS  # of new connections, and of their own requests

    async def bounded(
        node_id: Any,  # noqa: ANN401
        request: Any,  # noqa: ANN401
        *,
        group: Any = ConnectionGroup.DEFAULT,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if await client.ready(node_id, group=group):
            # Read as the request is written, before anything else can run.
            connection = client._conns[node_id, group]
            connection._request_timeout = (
                patience if isinstance(request, _WAIT_FOR_OTHERS) else _REQUEST_SECONDS
            )
        asked_at = membership.steady()
        answer = await send(node_id, request, group=group)
        if isinstance(request, _TELL_OF_MEMBERSHIP):
            membership.heard(answer.error_code, asked_at)
        return answer

    client.send = bounded
