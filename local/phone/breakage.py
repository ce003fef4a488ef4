"""The switches of *Break it*: the name of each, what it does, and how it is undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.phone.world import World

Json = dict[str, Any]
# Slow enough to notice, yet within the time that a client of the agent waits.
_SLOW_MS = 6_000
_USUAL_MS, _USUAL_SPREAD_MS = 600, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """What turns one breakage on and off."""

    vendor: str
    #: Which of the vendor's controls.
    what: str
    #: What the control is sent.
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
    """Turns switches, and knows which are on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on: set[str] = set()

    async def turn(self, name: str, *, on: bool) -> None:
        """Turn a switch on or off.

        Raises:
            KeyError: there is no such switch.
        """
        switch = SWITCHES[name]
        steer = self._world.twilio if switch.vendor == "twilio" else self._world.elevenlabs
        await steer(switch.what, switch.on if on else switch.off)
        (self.on.add if on else self.on.discard)(name)
