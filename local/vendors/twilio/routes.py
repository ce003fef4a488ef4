"""The REST side of the simulated Twilio: what clients ask of `api`, `messaging` and `content.twilio.com`."""

import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.vendors.twilio.account import Account
from local.vendors.twilio.control import Control
from local.vendors.twilio.create import create
from local.vendors.twilio.errors import Refusal, error
from local.vendors.twilio.listing import Lag, page, parse_filter
from local.vendors.twilio.media import fetch_media, list_media, media_bytes
from local.vendors.twilio.messages import API_VERSION, now
from local.vendors.twilio.simulator import TwilioSimulator

Handler = Callable[[TwilioSimulator, Account, web.Request], Awaitable[web.StreamResponse]]

_ACCOUNT = f"/{API_VERSION}/Accounts/{{account}}"
_MESSAGE = f"{_ACCOUNT}/Messages/{{sid}}"
_UNFINISHED = frozenset({"accepted", "scheduled", "queued", "sending"})
_CANCELABLE = frozenset({"accepted", "scheduled", "queued"})
# Enough for the largest message with ten files of a client, as base64 in JSON.
_LARGEST_REQUEST = 64 * 1024 * 1024


def add_routes(app: web.Application, simulator: TwilioSimulator) -> None:
    """Serve Twilio's routes. A fault's name begins with its route's stage."""

    def route(method: str, path: str, stage: str, handler: Handler) -> None:
        app.router.add_route(method, path, _answered(simulator, stage, handler))

    route("POST", f"{_ACCOUNT}/Messages.json", "", create)
    route("GET", f"{_ACCOUNT}/Messages.json", "list", _list)
    route("GET", f"{_MESSAGE}.json", "fetch", _fetch)
    route("POST", f"{_MESSAGE}.json", "update", _update)
    route("DELETE", f"{_MESSAGE}.json", "delete", _delete)
    route("GET", f"{_MESSAGE}/Media.json", "media", list_media)
    route("GET", f"{_MESSAGE}/Media/{{media}}.json", "media", fetch_media)
    route("GET", f"{_MESSAGE}/Media/{{media}}", "media", media_bytes)
    route("GET", f"{_ACCOUNT}.json", "account", _account)
    route("POST", "/v2/Indicators/Typing.json", "typing", _typing)
    route("GET", "/v1/Content/{content}", "content", _content)
    route("GET", "/v1/Content/{content}/ApprovalRequests", "content", _content)


def _answered(
    simulator: TwilioSimulator, stage: str, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        simulator.requests += 1
        at_once = simulator.requests
        try:
            answer = await _answer(simulator, stage, handler, request)
        finally:
            simulator.requests -= 1
        if not answer.prepared:
            answer.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
            answer.headers["Twilio-Concurrent-Requests"] = str(at_once)
            answer.headers["Twilio-Request-Duration"] = f"{time.monotonic() - began:.3f}"
        return answer

    return answered


async def _answer(
    simulator: TwilioSimulator, stage: str, handler: Handler, request: web.Request
) -> web.StreamResponse:
    if 0 < simulator.max_concurrent < simulator.requests:
        return error(429, 20429)
    await simulator.latency.wait()
    account = simulator.accounts.authorized(request)
    if isinstance(account, web.Response):
        return account
    if refused := simulator.people.account.of_every_request():
        return error(*refused)
    if stage and (answer := await simulator.trouble.answer(request, stage)):
        return answer
    return await handler(simulator, account, request)


async def _list(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    wanted = parse_filter(request.query)
    if isinstance(wanted, Refusal):
        return wanted.answer()
    lag = Lag(simulator.list_lag_seconds, simulator.list_spread_seconds, simulator.list_unordered)
    return web.json_response(page(simulator.ledger, account.sid, request.rel_url, wanted, now(), lag))


async def _fetch(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    message = simulator.ledger.get(request.match_info["sid"])
    if message is None or message.account != account.sid:
        return error(404, 20404)
    return web.json_response(message.as_json())


async def _update(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    """Redact a message (empty `Body`) or cancel it."""
    message = simulator.ledger.get(request.match_info["sid"])
    if message is None or message.account != account.sid:
        return error(404, 20404)
    form = await request.post()
    if form.get("Status") == "canceled":
        if message.status not in _CANCELABLE:
            return error(400, 20001, "Message is not in a cancelable state")
        message.status = "canceled"
    elif form.get("Body") == "":
        message.body = ""
    else:
        return error(400, 20001, "Only an empty Body or Status=canceled can be given")
    return web.json_response(message.as_json())


async def _delete(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    message = simulator.ledger.get(request.match_info["sid"])
    if message is None or message.account != account.sid:
        return error(404, 20404)
    if message.status in _UNFINISHED:
        return error(409, 20009)
    simulator.ledger.remove(message)
    return web.Response(status=204)


async def _account(_: TwilioSimulator, account: Account, __: web.Request) -> web.Response:
    body = {
        "sid": account.sid,
        "friendly_name": "Simulada",
        "status": "active",
        "type": "Full",
        "auth_token": "",
        "owner_account_sid": account.sid,
        "uri": f"/{API_VERSION}/Accounts/{account.sid}.json",
        "date_created": "Wed, 01 Jan 2025 00:00:00 +0000",
        "date_updated": "Wed, 01 Jan 2025 00:00:00 +0000",
        "subresource_uris": {},
    }
    return web.json_response(body)


async def _typing(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    """Show "typing" and mark the message as read."""
    form = await request.post()
    message = simulator.ledger.get(str(form.get("messageId", "")))
    if form.get("channel") != "whatsapp" or message is None or message.account != account.sid:
        return error(400, 20001)
    simulator.indicators.append({"sid": message.sid, "to": message.from_, "at": now().isoformat()})
    return web.json_response({"success": True})


async def _content(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    template = simulator.templates.by_sid.get(request.match_info["content"])
    if template is None:
        return error(404, 20404)
    approval = request.path.endswith("ApprovalRequests")
    return web.json_response(template.approval() if approval else template.as_json(account.sid))


def application(simulator: TwilioSimulator) -> web.Application:
    """Build the application: Twilio's routes, and `/_sim/…` to steer it."""
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    add_routes(app, simulator)
    Control(simulator).add_routes(app)
    app.on_cleanup.append(simulator.close)
    return app
