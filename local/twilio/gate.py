"""What every API request passes: outages, latency, credentials, the bound on requests at once."""

import base64
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.twilio.account import Account, break_off
from local.twilio.errors import NOT_FOUND, TOO_MANY, UNAUTHORIZED, UNAVAILABLE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Wraps the API's handlers."""

    def __init__(self, account: Account) -> None:
        self._account = account
        pair = f"{account.settings.account_sid}:{account.settings.auth_token}"
        self._basic = b"Basic " + base64.b64encode(pair.encode())
        self._running = 0

    def guard(self, handler: Handler) -> Handler:
        """Give a handler that is reached only by requests which may pass."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            began = time.perf_counter()
            self._running += 1
            try:
                response = await self._refuse(request) or await handler(request)
                self._sign(response, began)
                return response
            finally:
                self._running -= 1

        return guarded

    async def _refuse(self, request: web.Request) -> web.Response | None:
        account = self._account
        if account.faults.fires("outage-reset"):
            return break_off(request)
        if account.faults.fires("outage"):
            return UNAVAILABLE.response()
        await account.be_late()
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._basic):
            return UNAUTHORIZED.response()
        if request.match_info.get("account", account.settings.account_sid) != account.settings.account_sid:
            return NOT_FOUND.response()
        too_many = 0 < account.behaviour.max_concurrent < self._running
        return TOO_MANY.response() if too_many else None

    def _sign(self, response: web.StreamResponse, began: float) -> None:
        response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
        response.headers["Twilio-Concurrent-Requests"] = str(self._running)
        response.headers["Twilio-Request-Duration"] = f"{time.perf_counter() - began:.3f}"
