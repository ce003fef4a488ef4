"""The endpoints `/_sim/…`, through which tests and the demo steer and read the simulated ElevenLabs.

See local/vendors/README.md.
"""

from dataclasses import fields
from typing import Any

from aiohttp import web

from local.vendors.elevenlabs.calls import call_of
from local.vendors.elevenlabs.greeting import ORDERS
from local.vendors.elevenlabs.post_call import failure_data, post
from local.vendors.elevenlabs.settings import AgentSettings, Behaviour
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from local.vendors.elevenlabs.turns import SHAPES

Json = dict[str, Any]
_BEHAVIOUR = frozenset(field.name for field in fields(Behaviour))
_LATENCY = {"latency_ms": "mean_ms", "spread_ms": "spread_ms"}


class Control:
    """Steers one simulator."""

    def __init__(self, simulator: ElevenLabsSimulator) -> None:
        self._simulator = simulator

    def add_routes(self, app: web.Application) -> None:
        for name, handler in (
            ("calls", self._calls),
            ("agents", self._agents),
            ("faults", self._faults),
            ("settings", self._settings),
            ("post-call", self._post_call),
            ("reset", self._reset),
        ):
            app.router.add_post(f"/_sim/{name}", handler)
        app.router.add_get("/_sim/ledger", self._ledger)

    async def _calls(self, request: web.Request) -> web.Response:
        """Announce a phone call, or announce it again."""
        wanted: Json = await request.json()
        self._simulator.calls[wanted["conversation_id"]] = call_of(wanted)
        return web.json_response(wanted)

    async def _agents(self, request: web.Request) -> web.Response:
        """Set up an agent."""
        wanted: Json = await request.json()
        self._simulator.agents[wanted["agent_id"]] = AgentSettings(**wanted)
        return web.json_response(wanted)

    async def _faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self._simulator.faults.arm(wanted) if wanted else self._simulator.faults.clear()
        return web.json_response({"armed": sorted(wanted)})

    async def _settings(self, request: web.Request) -> web.Response:
        wanted: Json = await request.json()
        unknown = sorted(set(wanted) - _BEHAVIOUR - set(_LATENCY))
        if (
            unknown
            or wanted.get("turn", "parts") not in SHAPES
            or wanted.get("greets", "asked") not in ORDERS
        ):
            known = {"shapes": sorted(SHAPES), "greets": sorted(ORDERS)}
            return web.json_response({"unknown": unknown} | known, status=400)
        for name, value in wanted.items():
            if name in _LATENCY:
                setattr(self._simulator.latency, _LATENCY[name], value)
            else:
                setattr(self._simulator.behaviour, name, value)
        return web.json_response(wanted)

    async def _post_call(self, request: web.Request) -> web.Response:
        """Send a call's post-call webhook now.

        The body has `url`, `secret`, `conversation_id`, `type` and `age_seconds`.
        """
        wanted: Json = await request.json()
        call = self._simulator.call(wanted["conversation_id"])
        kind = wanted.get("type", "post_call_transcription")
        if call is None:
            return web.json_response({"error": "no such call"}, status=404)
        data: Json = call.as_json()
        if kind == "call_initiation_failure":
            reason = wanted.get("failure_reason", "no-answer")
            data = failure_data(call.agent_id, call.conversation_id, reason, call.phone_number)
        elif kind == "post_call_audio":
            data = {"agent_id": call.agent_id, "conversation_id": call.conversation_id, "full_audio": "//uQ"}
        status = await post(wanted["url"], wanted["secret"], kind, data, wanted.get("age_seconds", 0))
        return web.json_response({"status": status})

    async def _reset(self, _: web.Request) -> web.Response:
        self._simulator.reset()
        return web.json_response({})

    async def _ledger(self, request: web.Request) -> web.Response:
        """Return every question that reached an agent; `?since=N` skips the first N."""
        return web.json_response(self._simulator.asked[int(request.query.get("since", "0")) :])
