"""Postgres' notifications. They only say when to look: whoever hears them looks from time to time anyway."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from db.pool import CONNECT_TIMEOUT_SECONDS, POSTGRES_ERRORS, Session, behind_pooler, connect_directly
from process.periodic import every

log = structlog.get_logger()

CALL_OUTCOME = "call_outcome"
"""A call's turn ended; the payload is the event's id."""
COMMAND_OUTCOME = "command_outcome"
"""An operator's command was done or refused; the payload is its id."""
SPOOL = "spool"
"""Some web process stored an event in the spool."""

_RECONNECT_SECONDS = 1.0
# With the reconnect, under the 15 s that a failover takes; rows are looked at every second anyway.
_LOOK_SECONDS = 5.0
# A pooler may be removed, or put in between, while this process runs.
_LOOK_FOR_POOLER_SECONDS = 60.0


class Notifications:
    """One connection that listens to all channels. `on_change` is told whether it is listening.

    Behind a transaction pooler nothing is ever heard, so it does not listen there.
    """

    def __init__(
        self, dsn: str, channels: dict[str, Callable[[str], None]], on_change: Callable[[bool], None]
    ) -> None:
        self._dsn = dsn
        self._channels = channels
        self._on_change = on_change

    async def listen(self) -> None:
        """Listen until cancelled, connecting again whenever the connection is lost."""
        problem = "notifications cannot be listened to"
        await every(
            _RECONNECT_SECONDS, self._listen_once, at_once=True, forgive=POSTGRES_ERRORS, problem=problem
        )

    async def _listen_once(self) -> None:
        try:
            if await behind_pooler(self._dsn):
                log.info("no notifications through a pooler; rows are looked at instead, each second")
                await asyncio.sleep(_LOOK_FOR_POOLER_SECONDS)
            else:
                await self._listen_on(await connect_directly(self._dsn))
        finally:
            self._on_change(False)

    async def _listen_on(self, connection: Session) -> None:
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
            self._on_change(True)
            while await self._is_of_the_primary(connection) and not await _happens(lost):
                continue
            log.warning("the connection for notifications was lost")
        finally:
            connection.terminate()

    async def _is_of_the_primary(self, connection: Session) -> bool:
        """Return whether a session is. After a failover, or if its server has vanished, one hears nothing."""
        query = "SELECT current_setting('transaction_read_only')"
        return bool(await connection.fetchval(query, timeout=CONNECT_TIMEOUT_SECONDS) == "off")

    def _heard(self, connection: object, pid: int, channel: str, payload: Any) -> None:  # noqa: ANN401
        self._channels[channel](payload)


async def _happens(event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return await event.wait()
    except TimeoutError:
        return False
