"""What one simulated account has and knows; the routes share it."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from local.faults import Faults
from local.latency import Latency
from local.twilio.ledger import Ledger
from local.twilio.poster import Poster
from local.twilio.settings import TwilioSettings

FAULTS = frozenset(
    {
        "accept-then-500", "accept-then-hang", "accept-then-reset",  # the message is created all the same
        "reject-500", "reject-503", "reject-hang", "reject-reset", "429", "429-retry-after",  # it is not
        "outage", "outage-reset", "list-500", "list-hang", "drop-callbacks", "drop-webhook",
    }
)  # fmt: skip
_ALIASES = {f"accept-{end}": f"accept-then-{end}" for end in ("500", "hang", "reset")}


class Account:
    """Messages, armed faults, error codes of recipients, behaviour."""

    def __init__(self, settings: TwilioSettings) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.ledger = Ledger()
        self.faults = Faults()
        self.poster = Poster(settings)
        self.codes: dict[str, int] = {}
        self.stopping = asyncio.Event()

    def arm(self, wanted: dict[str, dict[str, Any]]) -> list[str]:
        """Arm faults by name; none clears all. `{"429": {"probability": 0.1}}`, `{"outage": {"count": 3}}`.

        Raises:
            ValueError: a name is unknown; it would never fire.
        """
        named = {_ALIASES.get(name, name): options for name, options in wanted.items()}
        if unknown := sorted(named.keys() - FAULTS):
            raise ValueError(f"unknown faults {unknown}; there are {sorted(FAULTS)}")
        self.faults.arm(named) if named else self.faults.clear()
        return sorted(named)

    def change(self, wanted: dict[str, Any]) -> None:
        """Change the behaviour. Raises TypeError on an unknown name."""
        self.behaviour = replace(self.behaviour, **wanted)

    def reset(self) -> None:
        self.ledger.clear()
        self.faults.clear()
        self.codes.clear()
        self.behaviour = self.settings.behaviour

    async def be_late(self) -> None:
        await Latency(self.behaviour.latency_ms, self.behaviour.spread_ms).wait()

    async def hang(self, request: web.Request) -> web.Response:
        """Say nothing for long, then break off."""
        try:
            async with asyncio.timeout(self.behaviour.hang_seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass  # nobody waits any more
        return break_off(request)


def break_off(request: web.Request) -> web.Response:
    """Reset the connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
