"""The simulated account put together: Twilio's REST routes and `/_sim/…`."""

from datetime import timedelta

from aiohttp import web

from local.twilio.account import Account
from local.twilio.callbacks import Callbacks
from local.twilio.control import Control
from local.twilio.create import Create
from local.twilio.errors import INTERNAL, INVALID_DATE, NOT_FOUND
from local.twilio.gate import Gate
from local.twilio.listing import page, within
from local.twilio.messages import API_VERSION, Json, Message, now
from local.twilio.settings import TwilioSettings

_BASE = f"/{API_VERSION}/Accounts/{{account}}"


class TwilioSimulator:
    """One account with one WhatsApp sender."""

    def __init__(self, settings: TwilioSettings) -> None:
        self.account = Account(settings)
        self._callbacks = Callbacks(self.account)
        self._create = Create(self.account, self._callbacks)

    def application(self) -> web.Application:
        app = web.Application()
        guard = Gate(self.account).guard
        app.router.add_get(f"{_BASE}.json", guard(self._fetch_account))
        app.router.add_post(f"{_BASE}/Messages.json", guard(self._create.handle))
        app.router.add_get(f"{_BASE}/Messages.json", guard(self._list))
        app.router.add_get(f"{_BASE}/Messages/{{sid}}.json", guard(self._fetch))
        app.router.add_post(f"{_BASE}/Messages/{{sid}}.json", guard(self._redact))
        app.router.add_delete(f"{_BASE}/Messages/{{sid}}.json", guard(self._delete))
        app.router.add_get(f"{_BASE}/Messages/{{sid}}/Media.json", guard(self._media))
        app.router.add_post("/v2/Indicators/Typing.json", guard(self._typing))
        Control(self.account).add_to(app)
        app.on_shutdown.append(self._shut_down)
        app.on_cleanup.append(self._clean_up)
        return app

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if self.account.faults.fires("list-500"):
            return INTERNAL.response()
        if self.account.faults.fires("list-hang"):
            return await self.account.hang(request)
        until = now() - timedelta(seconds=self.account.behaviour.list_lag_seconds)
        found = self.account.ledger.newest_first(request.query.get("To"), request.query.get("From"), until)
        try:
            return web.json_response(page(within(found, request.rel_url), request.rel_url, self._sid))
        except ValueError:
            return INVALID_DATE.response()

    async def _fetch(self, request: web.Request) -> web.Response:
        message = self._message(request)
        return web.json_response(message.as_json(self._sid)) if message else NOT_FOUND.response()

    async def _redact(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return NOT_FOUND.response()
        if "Body" in await request.post():  # Twilio knows only the empty one: redaction
            message.body = ""
        return web.json_response(message.as_json(self._sid))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return NOT_FOUND.response()
        message.deleted = True
        return web.Response(status=204)

    async def _media(self, request: web.Request) -> web.Response:
        message = self._message(request)
        return web.json_response(_media_page(message, self._sid)) if message else NOT_FOUND.response()

    async def _fetch_account(self, request: web.Request) -> web.Response:
        name = {"sid": self._sid, "friendly_name": "Simulated", "status": "active", "type": "Full"}
        return web.json_response(name)

    async def _typing(self, request: web.Request) -> web.Response:
        return web.json_response({"success": True})

    @property
    def _sid(self) -> str:
        return self.account.settings.account_sid

    def _message(self, request: web.Request) -> Message | None:
        return self.account.ledger.get(request.match_info["sid"])

    async def _shut_down(self, _: web.Application) -> None:
        self.account.stopping.set()  # lets go of requests that hang
        self._callbacks.cancel()

    async def _clean_up(self, _: web.Application) -> None:
        await self.account.poster.close()


def _media_page(message: Message, account: str) -> Json:
    uri = f"/{API_VERSION}/Accounts/{account}/Messages/{message.sid}/Media"
    date = message.as_json(account)["date_created"]
    media = [
        {"sid": sid, "account_sid": account, "parent_sid": message.sid, "content_type": "image/jpeg",
         "date_created": date, "date_updated": date, "uri": f"{uri}/{sid}.json"}
        for sid in (f"ME{index:032x}" for index in range(len(message.media)))
    ]  # fmt: skip
    return {
        "media_list": media, "page": 0, "page_size": 50, "start": 0, "end": max(len(media) - 1, 0),
        "uri": f"{uri}.json", "first_page_uri": f"{uri}.json", "previous_page_uri": None,
        "next_page_uri": None,
    }  # fmt: skip
