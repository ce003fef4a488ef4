"""The switches of *Break it*: each has a name, what it does, and how it is undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.phone.world import World

Json = dict[str, Any]
# Slow enough to be seen, under the time that a client of the agent waits.
_SLOW_MS = 6_000
_USUAL_MS, _USUAL_SPREAD_MS = 600, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """`vendor`: whose; `what`: which of its controls; `on`, `off`: what it is told."""

    vendor: str
    what: str
    on: Json
    off: Json


def _fault(vendor: str, name: str, probability: float = 1.0) -> Switch:
    armed, disarmed = {name: {"probability": probability}}, {name: {"probability": 0.0}}
    return Switch(vendor=vendor, what="faults", on=armed, off=disarmed)


SWITCHES: Final[Mapping[str, Switch]] = {
    "twilio-away": _fault("twilio", "reject-500"),
    "twilio-accepts-then-drops": _fault("twilio", "accept-reset"),
    "twilio-too-many": _fault("twilio", "429"),
    "agent-slow": Switch(
        vendor="elevenlabs",
        what="settings",
        on={"latency_ms": _SLOW_MS, "spread_ms": 0},
        off={"latency_ms": _USUAL_MS, "spread_ms": _USUAL_SPREAD_MS},
    ),
    "agent-silent": _fault("elevenlabs", "silent"),
    "agent-away": _fault("elevenlabs", "500"),
}


class Breakage:
    """Which switches are on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on: set[str] = set()

    async def turn(self, name: str, *, on: bool) -> None:
        """Turn a switch.

        Raises:
            KeyError: no such switch.
        """
        switch = SWITCHES[name]
        steer = self._world.twilio if switch.vendor == "twilio" else self._world.elevenlabs
        await steer(switch.what, switch.on if on else switch.off)
        (self.on.add if on else self.on.discard)(name)
