"""The simulated vendors as processes. No other file here knows how they are started, steered or read."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from local.process import LOOPBACK, end, free_port, spawn

Row = dict[str, Any]
Chance = float | Mapping[str, object]
"""A probability, or a simulator's options for a fault."""
_TWILIO = ("-m", "local.vendors.twilio")
_ELEVENLABS = ("-m", "local.vendors.elevenlabs")
# Our names for what goes wrong, and the simulators'.
_TWILIO_FAULTS = {
    "accepted_500": "accept-500",
    "accepted_reset": "accept-reset",
    "accepted_hang": "accept-hang",
    "too_many": "429",
    "refused_500": "reject-500",
    "no_callback": "drop-callbacks",
    "list_500": "list-500",
    "callback_early": "callback-early",
    "callback_twice": "callback-duplicate",
    "callback_late": "callback-delay",
    "callback_disorder": "callback-reorder",
    "callback_lost": "callback-drop",
}
_ELEVENLABS_FAULTS = {
    "too_many": "429",
    "refused_500": "500",
    "hang": "hang",
    "cut": "cut",
    "silent": "silent",
    "bad_event": "bad-event",
    "url_bad_json": "signed-url-bad-json",
    "call_html": "conversation-html",
    "socket_429": "socket-429",
    "socket_500": "socket-500",
    "message_bad_json": "message-bad-json",
    "message_500": "message-500",
    "message_reset": "message-reset",
}
_START_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 5.0
# The ledger of a long run is several megabytes of JSON.
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Twilio accepted."""

    #: To whom.
    number: str
    body: str
    #: When, in seconds since the epoch.
    at: float
    sid: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that the agent was asked."""

    number: str
    text: str
    #: Questions of this number under way at that time, including this one.
    at_once: int
    #: Seconds since the epoch.
    at: float


class Vendors:
    """Both simulators. `webhook_url`: where Twilio would post what clients write."""

    def __init__(self, folder: Path, env: dict[str, str], webhook_url: str) -> None:
        self._folder = folder
        self._env = env
        self._webhook_url = webhook_url
        self._processes: list[asyncio.subprocess.Process] = []
        self.twilio_url = f"http://{LOOPBACK}:{free_port()}"
        self.elevenlabs_url = f"http://{LOOPBACK}:{free_port()}"

    async def start(self) -> None:
        await self._start([*_TWILIO, self._webhook_url], self.twilio_url, "twilio.log")
        await self._start([*_ELEVENLABS], self.elevenlabs_url, "elevenlabs.log")
        await self.elevenlabs("settings", manner="echo")

    async def _start(self, arguments: list[str], url: str, log: str) -> None:
        command = [sys.executable, *arguments, "--port", url.rpartition(":")[2]]
        self._processes.append(await spawn(command, self._env, self._folder / log))
        async with asyncio.timeout(_START_SECONDS):
            while not await _answers(url):
                await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        for process in self._processes:
            await end(process, _STOP_SECONDS)

    async def twilio(self, what: str, **wanted: object) -> Any:  # noqa: ANN401 - a simulator's JSON
        """Steer Twilio: `faults`, `settings`, `numbers`, `inbound`."""
        return await _post(f"{self.twilio_url}/_sim/{what}", wanted)

    async def elevenlabs(self, what: str, **wanted: object) -> Any:  # noqa: ANN401 - a simulator's JSON
        """Steer ElevenLabs: `faults`, `settings`, `calls`."""
        return await _post(f"{self.elevenlabs_url}/_sim/{what}", wanted)

    async def break_twilio(self, **chances: Chance) -> None:
        """Arm exactly these faults, by name; with none, all is well."""
        await self.twilio("faults")
        if chances:
            await self.twilio(
                "faults", **{_TWILIO_FAULTS[name]: _armed(chance) for name, chance in chances.items()}
            )

    async def break_elevenlabs(self, **chances: Chance) -> None:
        """Arm exactly these faults, by name; with none, all is well."""
        await self.elevenlabs("faults")
        if chances:
            faults = {_ELEVENLABS_FAULTS[name]: _armed(chance) for name, chance in chances.items()}
            await self.elevenlabs("faults", **faults)

    async def take_twilio_away(self, kind: str) -> None:
        """Have all requests about messages end in one way (a status, `reset`, `hang`): nothing is taken."""
        await self.twilio(
            "faults", **{f"{stage}-{kind}": {"probability": 1.0} for stage in ("reject", "list", "fetch")}
        )

    async def take_elevenlabs_away(self, kind: str) -> None:
        """Have all requests about conversations end in one way (a status, `reset`, `hang`)."""
        stages = ("signed-url", "socket", "conversation", "summary")
        await self.elevenlabs("faults", **{f"{stage}-{kind}": {"probability": 1.0} for stage in stages})

    async def doom(self, number: str, code: int | None) -> None:
        """Have Twilio refuse everything for a number with a code; None: no longer."""
        await self.twilio("numbers", number=number, error_code=code, when="sync")

    async def sent(self) -> list[Sent]:
        """Return what was accepted for clients and did not fail later, in order."""
        rows = await _ledger(self.twilio_url)
        return [_sent(row) for row in rows if row["direction"] != "inbound" and row["error_code"] is None]

    async def burnt(self) -> int:
        """Return how many messages were accepted and failed later."""
        return sum(row["error_code"] is not None for row in await _ledger(self.twilio_url))

    async def asked(self) -> list[Asked]:
        """Return every question that reached an agent, in order."""
        return [
            Asked(row["who"], row["text"], row["at_once"], row["at"])
            for row in await _ledger(self.elevenlabs_url)
        ]


def _armed(chance: Chance) -> Row:
    return dict(chance) if isinstance(chance, Mapping) else {"probability": chance}


def _sent(row: Row) -> Sent:
    at = datetime.fromisoformat(row["created"]).timestamp()
    return Sent(row["to"].removeprefix("whatsapp:"), row["body"], at, row["sid"])


async def _answers(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{url}/_sim/ledger") as response,
        ):
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def _ledger(url: str) -> list[Row]:
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.get(f"{url}/_sim/ledger") as response,
    ):
        rows: list[Row] = json.loads(await response.read())
        return rows


async def _post(url: str, wanted: object) -> Any:  # noqa: ANN401 - a simulator's JSON
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.post(url, json=wanted) as response:
        response.raise_for_status()
        return await response.json()
