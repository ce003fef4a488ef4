"""`/_sim/…`: steers the simulated account and shows what happened. JSON; 400 says what was wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from local.twilio.account import Account
from local.twilio.inbound import address, deliver, written

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Control:
    """The control routes of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def add_to(self, app: web.Application) -> None:
        routes: dict[str, Handler] = {
            "inbound": self._inbound,
            "faults": self._faults,
            "settings": self._settings,
            "numbers": self._numbers,
            "reset": self._reset,
        }
        for name, handler in routes.items():
            app.router.add_post(f"/_sim/{name}", _plain_errors(handler))
        app.router.add_get("/_sim/ledger", _plain_errors(self._ledger))

    async def _inbound(self, request: web.Request) -> web.Response:
        """A client writes; `count` posts of one webhook, at once; `deliver: false` only lists it."""
        wanted: dict[str, Any] = await request.json()
        message = written(self._account, wanted)
        count = int(wanted.get("count", wanted.get("times", 1))) if wanted.get("deliver", True) else 0
        posts = (deliver(self._account, message, wanted) for _ in range(count))
        deliveries = await asyncio.gather(*posts)
        last = deliveries[-1] if deliveries else None
        return web.json_response(
            {
                "sid": message.sid,
                "status": last.status if last else None,
                "statuses": [delivery.status for delivery in deliveries],
                "why": last.why if last else None,
            }
        )

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response({"armed": self._account.arm(await request.json())})

    async def _settings(self, request: web.Request) -> web.Response:
        self._account.change(await request.json())
        return web.json_response(asdict(self._account.behaviour))

    async def _numbers(self, request: web.Request) -> web.Response:
        """Set what sending to a number ends with; `error_code: null` makes it good again."""
        wanted: dict[str, Any] = await request.json()
        number = address(wanted["number"]).removeprefix("whatsapp:")
        code = wanted.get("error_code")
        self._account.codes.pop(number, None)
        if code is not None:
            self._account.codes[number] = int(code)
        return web.json_response({"number": number, "error_code": code})

    async def _reset(self, request: web.Request) -> web.Response:
        self._account.reset()
        return web.json_response({"reset": True})

    async def _ledger(self, request: web.Request) -> web.Response:
        # An unescaped plus in a query arrives as a space.
        wanted = {name: value.replace(" ", "+") for name, value in request.query.items()}
        number = wanted.get("number", "").removeprefix("whatsapp:")
        return web.json_response(self._account.ledger.rows(number or None, wanted.get("since")))


def _plain_errors(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return answered
