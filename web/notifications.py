"""Postgres' notifications. They only say when to look: whoever gets them looks from time to time anyway."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from db.pool import POSTGRES_ERRORS

log = structlog.get_logger()

CALL_OUTCOME = "call_outcome"
"""A call's turn ended; the payload is the event's id."""
COMMAND_OUTCOME = "command_outcome"
"""An operator's command was done or refused; the payload is its id."""
SPOOL = "spool"
"""Some web process stored an event in the spool."""

_CONNECT_SECONDS = 5.0
_RECONNECT_SECONDS = 1.0


class Notifications:
    """One connection that listens to all channels. `on_change` hears whether it is listening."""

    def __init__(self, dsn: str, channels: dict[str, Callable[[str], None]], on_change: Callable[[bool], None]) -> None:
        self._dsn = dsn
        self._channels = channels
        self._on_change = on_change

    async def listen(self) -> None:
        """Listen until cancelled; connects again when the connection is lost."""
        while True:
            try:
                await self._listen_once()
            except POSTGRES_ERRORS as error:
                log.warning("notifications cannot be listened to", why=type(error).__name__)
            finally:
                self._on_change(False)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS)
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
            self._on_change(True)
            await lost.wait()
            log.warning("the connection for notifications was lost")
        finally:
            connection.terminate()

    def _heard(self, connection: object, pid: int, channel: str, payload: Any) -> None:  # noqa: ANN401
        self._channels[channel](payload)
