"""Writing to a closed connection counts as a lost connection, whichever event loop runs."""

from typing import cast

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from clients.kafka.closed_connections import mend_connections


class Closed:
    """A writer on uvloop whose transport is closed."""

    def write(self, data: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        return None


async def test_a_closed_handler_is_a_lost_connection() -> None:
    mend_connections()
    mend_connections()
    connection = AIOKafkaConnection("127.0.0.1", 9)
    connection._writer = cast(object, Closed())
    connection._versions = {3: (0, 1)}
    with pytest.raises(KafkaConnectionError):
        connection.send(MetadataRequest([]))
