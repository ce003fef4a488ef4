"""Whether the group still counts this process: for whom it has given up, another may act already."""

import asyncio
import math
from collections.abc import Callable

import structlog
from aiokafka.errors import IllegalGenerationError, NoError, RebalanceInProgressError, UnknownMemberIdError

log = structlog.get_logger()

SESSION_TIMEOUT_SECONDS = 6.0
"""The broker's least; after kill -9 the partitions move when it is over. Three heartbeats fit in."""
# Of those who wait, a handful for each conversation that is open; nobody notices it behind a broker's outage.
_LOOK_SECONDS = 0.1
_COUNTED = frozenset({NoError.errno, RebalanceInProgressError.errno})
_GIVEN_UP = frozenset({IllegalGenerationError.errno, UnknownMemberIdError.errno})


class Membership:
    """Sure for a session time-out from when the newest heartbeat left that was acknowledged.

    A broker that stood still counts nobody when it goes on, and gives the records that came meanwhile to whoever fetches.

    Args:
        steady: seconds that go on while the machine sleeps.
        session_seconds: the time-out; infinite where nobody asks, or in no group.
    """

    def __init__(self, steady: Callable[[], float] = lambda: 0.0, session_seconds: float = math.inf) -> None:
        self._session_seconds = session_seconds
        self.steady = steady
        self._ends_at = steady() + session_seconds
        self._waiting = 0

    @property
    def is_sure(self) -> bool:
        return self.steady() < self._ends_at

    def heard(self, error_code: int, asked_at: float) -> None:
        """The coordinator has answered a heartbeat, or has handed partitions out. `asked_at`: `steady` of the request."""
        if error_code in _COUNTED:
            self._ends_at = max(self._ends_at, asked_at + self._session_seconds)
        elif error_code in _GIVEN_UP:
            self._ends_at = -math.inf

    async def until_sure(self) -> None:
        """Wait until the group counts this process. Its answers may be heard in another thread, which wakes nobody."""
        if self.is_sure:
            return
        if not self._waiting:
            log.warning("no heartbeat is acknowledged, agents are not asked")
        self._waiting += 1
        try:
            while not self.is_sure:
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._waiting -= 1
