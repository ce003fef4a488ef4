"""The endpoints `/_sim/…`, through which tests and the demo steer and read the simulated Twilio.

See local/vendors/README.md.
"""

from datetime import timedelta
from typing import Any

from aiohttp import web

from local.vendors.twilio.account import Account
from local.vendors.twilio.identities import Identity
from local.vendors.twilio.inbound import body_of, media_of, params_of
from local.vendors.twilio.messages import Message, new_sid, now
from local.vendors.twilio.opt_out import keyword, reply_of
from local.vendors.twilio.rules import WHATSAPP, NumberRule, when_by_default
from local.vendors.twilio.simulator import TwilioSimulator
from local.vendors.twilio.templates import Template

Json = dict[str, Any]


class Control:
    """Steers one simulator."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator

    def add_routes(self, app: web.Application) -> None:
        for name, handler in (
            ("inbound", self._inbound),
            ("faults", self._faults),
            ("settings", self._settings),
            ("numbers", self._numbers),
            ("templates", self._templates),
            ("accounts", self._accounts),
            ("window", self._window),
            ("people", self._people),
            ("reset", self._reset),
        ):
            app.router.add_post(f"/_sim/{name}", handler)
        app.router.add_get("/_sim/ledger", self._ledger)
        app.router.add_get("/_sim/indicators", self._indicators)
        app.router.add_get("/_sim/debugger", self._debugger)

    async def _inbound(self, request: web.Request) -> web.Response:
        """Have a client write; call the webhook `times` times (0: lost on the way, but listable)."""
        wanted: Json = await request.json()
        simulator = self._simulator
        account = simulator.accounts.by_sid[wanted.get("account", simulator.accounts.first.sid)]
        message = simulator.ledger.get(wanted.get("sid", "")) or self._received(account, wanted)
        if kind := keyword(simulator.people, message):
            wanted["opt_out_type"] = kind
            simulator.webhooks.reply(message, reply_of(kind))
        identity = simulator.people.identities.of(wanted["from"])
        params = (identity.params(message.created) if identity else {}) | params_of(
            message, wanted, f"http://{request.host}"
        )
        statuses = [
            await simulator.webhooks.inbound(message, account, params)
            for _ in range(int(wanted.get("times", 1)))
        ]
        return web.json_response({"sid": message.sid, "status": statuses[-1] if statuses else None})

    def _received(self, account: Account, wanted: Json) -> Message:
        identities = self._simulator.people.identities
        known = identities.of(wanted["from"])
        at = now() - timedelta(seconds=float(wanted.get("seconds_ago", 0)))
        client = f"{WHATSAPP}{known.sender(at) if known else wanted['from']}"
        message = Message(
            sid=wanted.get("sid") or new_sid("MM" if wanted.get("media") else "SM"),
            account=account.sid,
            to=wanted.get("to") or min(account.senders),
            from_=client,
            body=body_of(wanted),
            direction="inbound",
            status="received",
            created=at,
            sent=at,
            media=media_of(wanted),
        )
        for address in identities.addresses(client):  # the window belongs to the person
            self._simulator.people.last_inbound[address, message.to] = at
        return self._simulator.ledger.add(message)

    async def _faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self._simulator.faults.arm(wanted) if wanted else self._simulator.faults.clear()
        return web.json_response({"armed": sorted(wanted)})

    async def _settings(self, request: web.Request) -> web.Response:
        wanted: Json = await request.json()
        simulator = self._simulator
        places: dict[str, tuple[object, str]] = {
            "latency_ms": (simulator.latency, "mean_ms"),
            "spread_ms": (simulator.latency, "spread_ms"),
            "list_lag_seconds": (simulator, "list_lag_seconds"),
            "list_spread_seconds": (simulator, "list_spread_seconds"),
            "list_unordered": (simulator, "list_unordered"),
            "max_concurrent": (simulator, "max_concurrent"),
            "media_redirect": (simulator, "media_redirect"),
            "callback_ms": (simulator.delivery.pause, "mean_ms"),
            "callback_spread_ms": (simulator.delivery.pause, "spread_ms"),
            "statuses": (simulator.delivery, "statuses"),
            "mps": (simulator.delivery.queue, "mps"),
            "queue_seconds": (simulator.delivery.queue, "seconds"),
            "pair_burst": (simulator.people.pair, "burst"),
            "pair_seconds": (simulator.people.pair, "seconds"),
            "pair_when": (simulator.people.pair, "when"),
            "window": (simulator.people, "window"),
            "opt_out": (simulator.people, "opt_out"),
            "ids_sendable": (simulator.people.identities, "sendable"),
            "tier_limit": (simulator.people.tier, "most"),
            "account_code": (simulator.people.account, "code"),
            "webhook_url": (simulator.accounts.first, "webhook_url"),
            "fallback_url": (simulator.accounts.first, "fallback_url"),
            "signed_url": (simulator.accounts.first, "signed_url"),
        }
        if unknown := sorted(set(wanted) - set(places)):
            return web.json_response({"unknown": unknown}, status=400)
        for name, value in wanted.items():
            part, attribute = places[name]
            setattr(part, attribute, value)
        return web.json_response(wanted)

    async def _numbers(self, request: web.Request) -> web.Response:
        """Set what happens to a number's messages: `error_code` (null: nothing any more), `when`, `count`."""
        wanted = await request.json()
        rules, code = self._simulator.people.rules, wanted["error_code"]
        rules.pop(wanted["number"], None)
        if code is not None:
            when = wanted.get("when") or when_by_default(int(code))
            rules[wanted["number"]] = NumberRule(code=int(code), when=when, count=wanted.get("count", -1))
        return web.json_response(wanted)

    async def _people(self, request: web.Request) -> web.Response:
        """Define a person with an id, from now on: see `local.vendors.twilio.identities.Identity`."""
        wanted = await request.json()
        try:
            self._simulator.people.identities.know(Identity.of(wanted))
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(wanted)

    async def _templates(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self._simulator.templates.register(Template(**wanted))
        return web.json_response(wanted)

    async def _accounts(self, request: web.Request) -> web.Response:
        """Add an account, or more senders or keys to a known one."""
        wanted = await request.json()
        accounts = self._simulator.accounts
        account = accounts.by_sid.setdefault(
            wanted["sid"],
            Account(
                sid=wanted["sid"],
                token=wanted.get("token", ""),
                senders=set(),
                webhook_url=wanted.get("webhook_url", accounts.first.webhook_url),
            ),
        )
        account.senders |= set(wanted.get("senders", []))
        account.keys |= wanted.get("keys", {})
        return web.json_response({"sid": account.sid, "senders": sorted(account.senders)})

    async def _window(self, request: web.Request) -> web.Response:
        """Move a client's last message into the past: `number`, `hours_ago` (null: never wrote)."""
        wanted = await request.json()
        people, senders = self._simulator.people, self._simulator.accounts.first.senders
        for sender in [wanted["to"]] if "to" in wanted else senders:
            key = (f"{WHATSAPP}{wanted['number']}", sender)
            people.last_inbound.pop(key, None)
            if wanted.get("hours_ago") is not None:
                people.last_inbound[key] = now() - timedelta(hours=float(wanted["hours_ago"]))
        return web.json_response(wanted)

    async def _reset(self, _: web.Request) -> web.Response:
        """Forget all messages, faults, number rules, windows and templates; settings and accounts stay."""
        self._simulator.reset()
        return web.json_response({})

    async def _ledger(self, request: web.Request) -> web.Response:
        """Return all messages in the order in which they were created; `?since=N` skips the first N."""
        since = int(request.query.get("since", "0"))
        return web.json_response([message.row() for message in self._simulator.ledger.messages[since:]])

    async def _indicators(self, _: web.Request) -> web.Response:
        return web.json_response(self._simulator.indicators)

    async def _debugger(self, _: web.Request) -> web.Response:
        return web.json_response(self._simulator.webhooks.debugger.entries)
