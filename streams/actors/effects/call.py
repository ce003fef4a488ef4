"""Asks ElevenLabs about a call: its summary, duration, transcript and variables."""

import asyncio

import structlog

from clients.agent import Calls
from clients.circuit_breaker import CircuitBreaker
from process.metrics import vendor_call
from rules.effects import FetchDetails
from rules.inputs import CallDetails, DetailsFetched
from schemas.errors import VendorError

log = structlog.get_logger()


class CallLookup:
    """Best-effort look-up of calls: whatever is not there yet is asked for again later."""

    def __init__(self, calls: Calls, breaker: CircuitBreaker) -> None:
        self._calls = calls
        self._breaker = breaker

    async def fetch(self, effect: FetchDetails) -> DetailsFetched:
        """Return what is known of a call by now."""
        details = await self.within(effect.call_id, effect.seconds) if effect.call_id else None
        return DetailsFetched(call_id=effect.call_id, details=details)

    async def within(self, call_id: str, seconds: float | None) -> CallDetails | None:
        """Return what is known of a call; None after `seconds`, or while ElevenLabs is away."""
        if self._breaker.is_open:
            return None
        try:
            async with asyncio.timeout(seconds):
                with vendor_call("elevenlabs", "call"):
                    found = await self._calls.fetch_call(call_id)
        except (TimeoutError, VendorError):
            log.info("call details are not there yet")
            return None
        if found is None:
            return None
        return CallDetails(
            call_id=call_id,
            summary=found.summary,
            duration_secs=found.duration_secs,
            kept=found.kept(),
        )
