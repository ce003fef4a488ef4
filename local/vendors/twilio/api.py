"""The REST side of the simulated Twilio, and `/_sim/…` to steer it."""

import asyncio
import base64
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from local.faults import Faults
from local.latency import Latency
from local.vendors.twilio.messages import API_VERSION, Ledger, Message, new_sid, now
from local.vendors.twilio.webhooks import Webhooks

_LONGEST_BODY = 1600
_HANG_SECONDS = 60
_BASE = f"/{API_VERSION}/Accounts/{{account}}"


class TwilioSimulator:
    """One account with one WhatsApp sender."""

    def __init__(self, account: str, token: str, webhook_url: str, sender: str) -> None:
        self._account = account
        self._sender = sender
        self._basic = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        self.ledger = Ledger()
        self.faults = Faults()
        self.latency = Latency()
        self.webhooks = Webhooks(account, token, webhook_url)
        self.list_lag_seconds = 0.0
        self.refused: dict[str, int] = {}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"{_BASE}.json", self._fetch_account)
        app.router.add_post(f"{_BASE}/Messages.json", self._create)
        app.router.add_get(f"{_BASE}/Messages.json", self._list)
        app.router.add_get(f"{_BASE}/Messages/{{sid}}.json", self._fetch)
        app.router.add_get(f"{_BASE}/Messages/{{sid}}/Media.json", self._media)
        app.router.add_post("/_sim/inbound", self._sim_inbound)
        app.router.add_post("/_sim/faults", self._sim_faults)
        app.router.add_post("/_sim/settings", self._sim_settings)
        app.router.add_post("/_sim/numbers", self._sim_numbers)
        app.router.add_get("/_sim/ledger", self._sim_ledger)
        app.on_cleanup.append(self.webhooks.close)
        return app

    async def _create(self, request: web.Request) -> web.StreamResponse:
        await self.latency.wait()
        if problem := self._unauthorized(request):
            return problem
        if self.faults.fires("429"):
            return _error(429, 20429, "Too many requests")
        if self.faults.fires("reject-500"):
            return _error(500, 20500, "Internal error")
        form = {name: str(value) for name, value in (await request.post()).items()}
        if problem := self._refusal(form):
            return problem
        message = self._accept(form)
        return await self._answer(request, message)

    async def _answer(self, request: web.Request, message: Message) -> web.StreamResponse:
        if self.faults.fires("accept-500"):
            return _error(500, 20500, "Internal error")
        if self.faults.fires("accept-reset") and request.transport is not None:
            request.transport.abort()
        if self.faults.fires("accept-hang"):
            await asyncio.sleep(_HANG_SECONDS)
        return web.json_response(message.as_json(self._account), status=201)

    def _refusal(self, form: dict[str, str]) -> web.Response | None:
        to = form.get("To", "")
        if code := self.refused.get(to.removeprefix("whatsapp:")):
            return _error(400, code, _WORDS.get(code, "Refused"))
        if not to.startswith("whatsapp:"):
            return _error(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if form.get("From") != self._sender:
            return _error(400, 63007, "Twilio could not find a Channel with the specified From address")
        if not form.get("Body") and not form.get("ContentSid"):
            return _error(400, 21602, "Message body is required.")
        if len(form.get("Body", "")) > _LONGEST_BODY:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        return None

    def _accept(self, form: dict[str, str]) -> Message:
        callback = form.get("StatusCallback")
        own = parse_qs(urlsplit(callback or "").query).get("mid", [None])[0]
        body = form.get("Body") or f"[{form.get('ContentSid')}] {form.get('ContentVariables', '')}"
        message = Message(
            sid=new_sid(), to=form["To"], from_=form["From"], body=body, direction="outbound-api", status="queued",
            created=now(), own_id=own,
        )  # fmt: skip
        self.ledger.add(message)
        if callback and not self.faults.fires("drop-callbacks"):
            self.webhooks.report(message, callback)
        return message

    async def _list(self, request: web.Request) -> web.Response:
        if problem := self._unauthorized(request):
            return problem
        size = int(request.query.get("PageSize", "50"))
        page = int(request.query.get("Page", "0"))
        until = now() - timedelta(seconds=self.list_lag_seconds)
        found = self.ledger.listed(request.query.get("To"), request.query.get("From"), until)
        shown = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        following = request.rel_url.update_query(Page=str(page + 1), PageToken=f"PA{shown[-1].sid}") if more else None
        body: dict[str, Any] = {
            "messages": [message.as_json(self._account) for message in shown], "page": page, "page_size": size,
            "first_page_uri": str(request.rel_url), "previous_page_uri": None, "uri": str(request.rel_url),
            "next_page_uri": str(following) if following else None, "start": page * size, "end": page * size + len(shown),
        }  # fmt: skip
        return web.json_response(body)

    async def _fetch(self, request: web.Request) -> web.Response:
        message = self.ledger.get(request.match_info["sid"])
        if message is None:
            return self._unauthorized(request) or _error(404, 20404, "The requested resource was not found")
        return self._unauthorized(request) or web.json_response(message.as_json(self._account))

    async def _fetch_account(self, request: web.Request) -> web.Response:
        return self._unauthorized(request) or web.json_response({"sid": self._account, "status": "active"})

    async def _media(self, request: web.Request) -> web.Response:
        return self._unauthorized(request) or web.json_response({"media_list": [], "next_page_uri": None})

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        right = hmac.compare_digest(given.encode(), self._basic.encode())
        return None if right else _error(401, 20003, "Authenticate")

    async def _sim_inbound(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        message = self.ledger.get(wanted.get("sid", "")) or self.ledger.add(
            Message(
                sid=wanted.get("sid") or new_sid(),
                to=wanted.get("to") or self._sender,
                from_=f"whatsapp:{wanted['from']}",
                body=wanted["body"],
                direction="inbound",
                status="received",
                created=now(),
            )  # fmt: skip
        )
        statuses = [await self.webhooks.inbound(message, wanted.get("extra", {})) for _ in range(wanted.get("times", 1))]
        return web.json_response({"sid": message.sid, "status": statuses[-1]})

    async def _sim_faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.faults.arm(wanted) if wanted else self.faults.clear()
        return web.json_response({"armed": sorted(wanted)})

    async def _sim_settings(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.latency.mean_ms = wanted.get("latency_ms", self.latency.mean_ms)
        self.latency.spread_ms = wanted.get("spread_ms", self.latency.spread_ms)
        self.list_lag_seconds = wanted.get("list_lag_seconds", self.list_lag_seconds)
        return web.json_response(wanted)

    async def _sim_numbers(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.refused[wanted["number"]] = int(wanted["error_code"])
        return web.json_response(wanted)

    async def _sim_ledger(self, request: web.Request) -> web.Response:
        rows = [
            {"sid": m.sid, "to": m.to, "from": m.from_, "body": m.body, "direction": m.direction, "status": m.status,
             "created": m.created.isoformat(), "own_id": m.own_id}
            for m in self.ledger.messages
        ]  # fmt: skip
        return web.json_response(rows)


_WORDS = {
    21608: "The number is unverified. Trial accounts cannot send messages to unverified numbers",
    21610: "Attempt to send to unsubscribed recipient",
    63003: "Channel could not find To address",
}


def _error(status: int, code: int, words: str) -> web.Response:
    body = {"code": code, "message": words, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return web.json_response(body, status=status)
