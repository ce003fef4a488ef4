"""The simulated ElevenLabs: finished calls, signed URLs, the specified REST message, the WebSocket; `/_sim/…` steers it."""

import asyncio
import secrets
from collections import Counter
from typing import Any

from aiohttp import WSMsgType, web

from local.faults import Faults
from local.latency import Latency
from local.vendors.elevenlabs.agent import answer

Json = dict[str, Any]
_HANG_SECONDS = 60
_BASE = "/v1/convai"


class ElevenLabsSimulator:
    """One workspace. `rest`: whether the specified message route is there; the public API does not have it."""

    def __init__(self, api_key: str, *, rest: bool = False) -> None:
        self._api_key = api_key
        self.rest = rest
        self.manner = "normal"
        self.latency = Latency()
        self.faults = Faults()
        self.calls: dict[str, Json] = {}
        self.asked: list[Json] = []
        self._running: Counter[str] = Counter()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"{_BASE}/conversations/{{id}}", self._conversation)
        app.router.add_get(f"{_BASE}/conversation/get-signed-url", self._signed_url)
        app.router.add_post(f"{_BASE}/conversations/{{id}}/message", self._message)
        app.router.add_get(f"{_BASE}/conversation", self._socket)
        app.router.add_get(f"{_BASE}/agents/{{id}}", self._agent)
        app.router.add_get(f"{_BASE}/agents", self._agents)
        app.router.add_post("/_sim/calls", self._sim_calls)
        app.router.add_post("/_sim/faults", self._sim_faults)
        app.router.add_post("/_sim/settings", self._sim_settings)
        app.router.add_get("/_sim/ledger", self._sim_ledger)
        return app

    async def _conversation(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        call = self.calls.get(identity, {})
        summary = call.get("summary", "El cliente mostró interés en el plan Premium")
        body = {
            "agent_id": call.get("agent_id", "agent_sim"), "conversation_id": identity, "status": "done",
            "user_id": None, "transcript": [
                {"role": "agent", "message": "Hola, le llamo por nuestro plan Premium.", "time_in_call_secs": 0},
                {"role": "user", "message": "Me interesa, escríbame por WhatsApp.", "time_in_call_secs": 9},
            ],
            "metadata": {"start_time_unix_secs": 1761694000, "call_duration_secs": call.get("duration", 74), "cost": 100},
            "analysis": {"call_successful": "success", "transcript_summary": summary},
            "conversation_initiation_client_data": {"dynamic_variables": call.get("dynamic_variables", {})},
            "has_audio": True, "has_user_audio": True, "has_response_audio": True,
        }  # fmt: skip
        return self._problem(request) or web.json_response(body)

    async def _message(self, request: web.Request) -> web.StreamResponse:
        if not self.rest:
            return web.json_response({"detail": "Not Found"}, status=404)
        if problem := self._problem(request):
            return problem
        asked = await request.json()
        identity = request.match_info["id"]
        text = await self._think(identity, identity, asked["message"], "")
        return web.json_response({"response": text})

    async def _think(self, who: str, conversation: str, text: str, context: str) -> str:
        self._running[who] += 1
        entry = {"who": who, "conversation_id": conversation, "text": text, "context": context,
                 "at_once": self._running[who]}  # fmt: skip
        self.asked.append(entry)
        try:
            if self.faults.fires("hang"):
                await asyncio.sleep(_HANG_SECONDS)
            await self.latency.wait()
        finally:
            self._running[who] -= 1
        entry["reply"] = answer(text, _summary(context), self.manner)
        return str(entry["reply"])

    async def _signed_url(self, request: web.Request) -> web.Response:
        agent = request.query.get("agent_id", "")
        url = f"ws://{request.host}{_BASE}/conversation?agent_id={agent}&conversation_signature={secrets.token_hex(8)}"
        return self._problem(request) or web.json_response({"signed_url": url})

    async def _agents(self, request: web.Request) -> web.Response:
        return self._problem(request) or web.json_response({"agents": [], "has_more": False, "next_cursor": None})

    async def _agent(self, request: web.Request) -> web.Response:
        agent = {"agent_id": request.match_info["id"], "name": "Agente", "conversation_config": {}}
        return self._problem(request) or web.json_response(agent)

    def _problem(self, request: web.Request) -> web.Response | None:
        if not secrets.compare_digest(request.headers.get("xi-api-key", ""), self._api_key):
            detail = {"status": "invalid_api_key", "message": "Invalid API key"}
            return web.json_response({"detail": detail}, status=401)
        if self.faults.fires("429"):
            detail = {"status": "too_many_concurrent_requests", "message": "Too many"}
            return web.json_response({"detail": detail}, status=429)
        return web.json_response({"detail": "error"}, status=500) if self.faults.fires("500") else None

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        start = await socket.receive_json()
        conversation = f"conv_{secrets.token_hex(8)}"
        override = start.get("conversation_config_override", {})
        if override and self.faults.fires("override-refused"):
            await socket.send_json({"type": "error", "error_event": {"code": 1008, "error_type": "override_error"}})
            await socket.close(code=1008, message=b"Override for field 'first_message' is not allowed by config.")
            return socket
        metadata = {"conversation_id": conversation, "agent_output_audio_format": "pcm_16000",
                    "user_input_audio_format": "pcm_16000"}  # fmt: skip
        await socket.send_json(
            {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": metadata}
        )
        if override.get("agent", {}).get("first_message") != "":
            await socket.send_json(_response("¡Hola! Gracias por llamar.", 1))
        await socket.send_json({"type": "ping", "ping_event": {"event_id": 1, "ping_ms": None}})
        await self._turns(socket, start.get("user_id") or conversation, conversation)
        return socket

    async def _turns(self, socket: web.WebSocketResponse, who: str, conversation: str) -> None:
        context = ""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                return
            event = message.json()
            if event.get("type") == "contextual_update":
                context = event["text"]
            if event.get("type") == "user_message":
                await self._answer(socket, who, conversation, event["text"], context)

    async def _answer(self, socket: web.WebSocketResponse, who: str, conversation: str, text: str, context: str) -> None:
        if self.faults.fires("silent"):
            return
        reply = await self._think(who, conversation, text, context)
        if self.faults.fires("cut"):
            await socket.close(code=1002)
            return
        for kind, words in (("start", ""), ("delta", reply)):
            await socket.send_json(_part(kind, words))
        await socket.send_json(_response(reply, 2))
        await socket.send_json(_part("stop", ""))
        await socket.send_json({"type": "agent_response_complete", "agent_response_complete_event": {"event_id": 2}})

    async def _sim_calls(self, request: web.Request) -> web.Response:
        call = await request.json()
        self.calls[call["conversation_id"]] = call
        return web.json_response(call)

    async def _sim_faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.faults.arm(wanted) if wanted else self.faults.clear()
        return web.json_response({"armed": sorted(wanted)})

    async def _sim_settings(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.manner = wanted.get("manner", self.manner)
        self.rest = wanted.get("rest", self.rest)
        self.latency.mean_ms = wanted.get("latency_ms", self.latency.mean_ms)
        self.latency.spread_ms = wanted.get("spread_ms", self.latency.spread_ms)
        return web.json_response(wanted)

    async def _sim_ledger(self, request: web.Request) -> web.Response:
        return web.json_response(self.asked)


def _summary(context: str) -> str:
    marker = "Resumen de la llamada: "
    return next((line.removeprefix(marker) for line in context.splitlines() if line.startswith(marker)), "")


def _part(kind: str, text: str) -> Json:
    return {"type": "agent_chat_response_part", "text_response_part": {"type": kind, "text": text, "event_id": 2}}


def _response(text: str, event_id: int) -> Json:
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}}
