"""Whether the group still counts this process: once it has given up on one, another may already be acting."""

import asyncio
import math
from collections.abc import Callable

import structlog
from aiokafka.errors import IllegalGenerationError, NoError, RebalanceInProgressError, UnknownMemberIdError

log = structlog.get_logger()

SESSION_TIMEOUT_SECONDS = 6.0
"""The broker's minimum; after kill -9 the partitions move once it is over. Three heartbeats fit in."""
# How often each waiter looks, a handful per open conversation; nobody notices it behind a broker's outage.
_LOOK_SECONDS = 0.1
_COUNTED = frozenset({NoError.errno, RebalanceInProgressError.errno})
_GIVEN_UP = frozenset({IllegalGenerationError.errno, UnknownMemberIdError.errno})


class Membership:
    """A membership that is sure for a session time-out after the newest acknowledged heartbeat was sent.

    A broker that was frozen counts nobody when it resumes, and gives the records since to whoever fetches.

    Args:
        steady: seconds that go on while the machine sleeps.
        session_seconds: the time-out; infinite if nobody asks, or there is no group.
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
        """Note that the coordinator answered a heartbeat or handed partitions out.

        `asked_at`: `steady` of the request.
        """
        if error_code in _COUNTED:
            self._ends_at = max(self._ends_at, asked_at + self._session_seconds)
        elif error_code in _GIVEN_UP:
            self._ends_at = -math.inf

    async def until_sure(self) -> None:
        """Wait until the group counts this process. Polls: answers heard in another thread wake nobody."""
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
