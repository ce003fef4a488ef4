"""The REST side of the simulated ElevenLabs."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.vendors.elevenlabs.calls import Call
from local.vendors.elevenlabs.campaigns import batch_json, call_json, campaign_json, lead_json
from local.vendors.elevenlabs.control import Control
from local.vendors.elevenlabs.errors import OUT_OF_CREDITS, error, no_route, not_valid
from local.vendors.elevenlabs.memory import Memory
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from local.vendors.elevenlabs.socket import conversation_socket

Handler = Callable[[ElevenLabsSimulator, web.Request], Awaitable[web.StreamResponse]]

_BASE = "/v1/convai"
_LARGEST_PAGE = 100
_INLINE = 50
_MOST_INLINE = 200


def add_routes(app: web.Application, simulator: ElevenLabsSimulator) -> None:
    """Serve ElevenLabs' routes. A fault's name begins with its route's stage."""

    def route(path: str, stage: str, handler: Handler, method: str = "GET") -> None:
        app.router.add_route(method, f"{_BASE}{path}", _answered(simulator, stage, handler))

    route("/conversation/get-signed-url", "signed-url", _signed_url)
    route("/conversations", "conversations", _conversations)
    route("/conversations/{id}", "conversation", _conversation)
    route("/conversations/{id}/summary", "summary", _summary)
    route("/conversations/{id}/message", "message", _message, "POST")
    route("/agents", "agents", _agents)
    route("/agents/{id}", "agent", _agent)
    route("/batch-calling/workspace", "batches", _batches)
    route("/batch-calling/{id}", "batch", _batch)
    route("/outbound-campaigns/campaigns", "campaigns", _campaigns)
    route("/outbound-campaigns/campaigns/{id}", "campaign", _campaign)
    route("/outbound-campaigns/campaigns/{id}/calls", "campaign-calls", _campaign_calls)
    route("/outbound-campaigns/campaigns/{id}/leads", "campaign-leads", _campaign_leads)

    async def socket(request: web.Request) -> web.StreamResponse:
        return _refused_at_all(simulator) or await conversation_socket(simulator, request)

    app.router.add_get(f"{_BASE}/conversation", socket)


def _answered(
    simulator: ElevenLabsSimulator, stage: str, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        if stage == "message" and not simulator.behaviour.rest:
            return no_route(simulator.behaviour.rest_status)
        if not secrets.compare_digest(request.headers.get("xi-api-key", ""), simulator.api_key):
            return error(401)
        if simulator.is_out_of_credits and simulator.behaviour.out_of_credits == "refused":
            return error(401, "quota_exceeded", OUT_OF_CREDITS)
        return (
            _refused_at_all(simulator)
            or await simulator.trouble.answer(request, stage)
            or await handler(simulator, request)
        )

    return answered


def _refused_at_all(simulator: ElevenLabsSimulator) -> web.Response | None:
    for status in (429, 500):
        if fault := simulator.faults.take(str(status)):
            return simulator.trouble.refusal(status, fault)
    return None


async def _signed_url(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    agent_id = request.query.get("agent_id", "")
    if not agent_id:
        return not_valid("query", "agent_id", "Field required")
    if simulator.agent(agent_id) is None:
        return error(404, "agent_not_found", f"Agent {agent_id} not found")
    known = request.query.get("include_conversation_id", "").lower() == "true"
    conversation_id = f"conv_{secrets.token_hex(14)}" if known else ""
    token = simulator.signatures.sign(agent_id, conversation_id, simulator.behaviour.signed_seconds)
    query = f"agent_id={agent_id}&conversation_signature={token}" + (
        f"&conversation_id={conversation_id}" if known else ""
    )
    return web.json_response({"signed_url": f"ws://{request.host}{_BASE}/conversation?{query}"})


async def _conversation(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    call = simulator.call(request.match_info["id"])
    return web.json_response(call.as_json()) if call else _no_conversation(request)


async def _summary(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    most = request.query.get("max_messages", str(_INLINE))
    if not most.isdigit() or not 1 <= int(most) <= _MOST_INLINE:
        return not_valid("query", "max_messages", "Input should be between 1 and 200")
    call = simulator.call(request.match_info["id"])
    return web.json_response(call.summary_json(int(most))) if call else _no_conversation(request)


def _no_conversation(request: web.Request) -> web.Response:
    return error(404, "conversation_not_found", f"Conversation {request.match_info['id']} not found")


async def _conversations(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    """List conversations, newest first. The cursor is the id of a page's last one."""
    query = request.query
    size = query.get("page_size", "30")
    if not size.isdigit() or not 1 <= int(size) <= _LARGEST_PAGE:
        return not_valid("query", "page_size", "Input should be less than or equal to 100")
    after, text_only = float(query.get("call_start_after_unix", 0)), query.get("text_only")
    found = [
        call
        for call in reversed(simulator.calls.values())
        if call.began >= after
        and query.get("agent_id", call.agent_id) == call.agent_id
        and query.get("user_id", call.user_id) == call.user_id
        and (text_only is None or (text_only.lower() == "true") == call.text_only)
    ]
    ids = [call.conversation_id for call in found]
    begin = ids.index(query["cursor"]) + 1 if query.get("cursor") in ids else 0
    shown = found[begin : begin + int(size)]
    more = len(found) > begin + len(shown)
    cursor = shown[-1].conversation_id if more else None
    return web.json_response(
        {"conversations": [call.row_json() for call in shown], "next_cursor": cursor, "has_more": more}
    )


async def _message(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    """Serve the specified message route, which the public API does not have."""
    conversation_id = request.match_info["id"]
    call = simulator.call(conversation_id)
    if call is None:
        return _no_conversation(request)
    asked = await request.json()
    if not isinstance(asked.get("message"), str) or asked.get("mode") != "text":
        return not_valid("body", "message", "Field required")
    memory = Memory(
        summary=call.summary or "",
        call=[text for role, text in call.transcript if role == "user"],
        variables=call.dynamic_variables,
    )
    entry = {
        "who": conversation_id,
        "conversation_id": conversation_id,
        "text": asked["message"],
        "context": "",
        "agent_id": call.agent_id,
        "transport": "rest",
    }
    text = await simulator.think(entry, memory)
    return web.json_response({simulator.behaviour.rest_key: text})


async def _agents(simulator: ElevenLabsSimulator, _: web.Request) -> web.Response:
    rows = [
        {"agent_id": one.agent_id, "name": one.name, "tags": [], "created_at_unix_secs": 1735689600}
        for one in simulator.agents.values()
    ]
    return web.json_response({"agents": rows, "has_more": False, "next_cursor": None})


async def _agent(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    agent = simulator.agent(request.match_info["id"])
    return web.json_response(agent.as_json()) if agent else error(404, "agent_not_found", "Agent not found")


async def _batch(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    batch_id = request.match_info["id"]
    calls = [call for call in simulator.calls.values() if call.batch_id == batch_id]
    return (
        web.json_response(batch_json(batch_id, calls))
        if calls
        else error(404, "batch_call_not_found", "Not found")
    )


async def _batches(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    """List batches, newest first by their calls. `last_doc` is the id of a page's last one."""
    size, last = request.query.get("limit", str(_LARGEST_PAGE)), request.query.get("last_doc")
    if not size.isdigit() or not 1 <= int(size) <= _LARGEST_PAGE:
        return not_valid("query", "limit", "Input should be less than or equal to 100")
    ids = list(dict.fromkeys(call.batch_id for call in reversed(simulator.calls.values()) if call.batch_id))
    begin = ids.index(last) + 1 if last in ids else 0
    shown = ids[begin : begin + int(size)]
    more = len(ids) > begin + len(shown)
    calls = {name: [call for call in simulator.calls.values() if call.batch_id == name] for name in shown}
    rows = [
        {key: value for key, value in batch_json(name, calls[name]).items() if key != "recipients"}
        for name in shown
    ]
    return web.json_response({"batch_calls": rows, "next_doc": shown[-1] if more else None, "has_more": more})


async def _campaigns(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    """List campaigns, newest first."""
    ids = list(
        dict.fromkeys(call.campaign_id for call in reversed(simulator.calls.values()) if call.campaign_id)
    )
    return _page(request, "campaigns", [campaign_json(each, _calls_of(simulator, each)) for each in ids])


async def _campaign(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    calls = _calls_of(simulator, request.match_info["id"])
    return web.json_response(campaign_json(request.match_info["id"], calls)) if calls else _no_campaign()


async def _campaign_calls(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    calls = _calls_of(simulator, request.match_info["id"])
    lines = [call_json(place, call) for place, call in enumerate(calls)]
    return _page(request, "calls", lines) if calls else _no_campaign()


async def _campaign_leads(simulator: ElevenLabsSimulator, request: web.Request) -> web.Response:
    calls = _calls_of(simulator, request.match_info["id"])
    lines = {line["lead_id"]: line for line in (lead_json(place, call) for place, call in enumerate(calls))}
    return _page(request, "leads", list(lines.values())) if calls else _no_campaign()


def _calls_of(simulator: ElevenLabsSimulator, campaign_id: str) -> list[Call]:
    return [call for call in simulator.calls.values() if call.campaign_id == campaign_id]


def _no_campaign() -> web.Response:
    return error(404, "campaign_not_found", "Not found")


def _page(request: web.Request, name: str, rows: list[dict[str, Any]]) -> web.Response:
    """Return a page. The cursor is the index of the next page's first row."""
    size, cursor = request.query.get("page_size", "30"), request.query.get("cursor", "0")
    if not size.isdigit() or not 1 <= int(size) <= _LARGEST_PAGE or not cursor.isdigit():
        return not_valid("query", "page_size", "Input should be less than or equal to 100")
    end = int(cursor) + int(size)
    more = len(rows) > end
    page = {name: rows[int(cursor) : end], "next_cursor": str(end) if more else None, "has_more": more}
    return web.json_response(page)


def application(simulator: ElevenLabsSimulator) -> web.Application:
    """Build the application: ElevenLabs' routes, and `/_sim/…` to steer it."""
    app = web.Application()
    add_routes(app, simulator)
    Control(simulator).add_routes(app)
    app.on_cleanup.append(simulator.close)
    return app
