"""`POST …/Messages.json`: what is refused, what is accepted, and what goes wrong around it."""

import json
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from local.twilio.account import Account, break_off
from local.twilio.callbacks import Callbacks
from local.twilio.checks import CreateForm, refusal
from local.twilio.errors import INTERNAL, TOO_MANY, UNAVAILABLE, is_late
from local.twilio.messages import Message, new_sid, now

_OUTSIDE_WINDOW = 63016


class Create:
    """The create of one account."""

    def __init__(self, account: Account, callbacks: Callbacks) -> None:
        self._account = account
        self._callbacks = callbacks

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if problem := await self._reject(request):
            return problem
        form = await _form(request)
        refused = refusal(form, self._account.settings.sender, self._account.codes)
        if refused:
            return refused.response()
        message = self._account.ledger.add(_message(form))
        answer = message.as_json(self._account.settings.account_sid)  # as it is now: queued
        await self._callbacks.begin(message, form.status_callback, self._failure(form))
        return await self._answer(request, message) or web.json_response(answer, status=201)

    async def _reject(self, request: web.Request) -> web.Response | None:
        """Fail without having accepted anything."""
        fires = self._account.faults.fires
        if fires("429"):
            return TOO_MANY.response()
        if fires("429-retry-after"):
            return TOO_MANY.response({"Retry-After": str(self._account.behaviour.retry_after_seconds)})
        if fires("reject-500"):
            return INTERNAL.response()
        if fires("reject-503"):
            return UNAVAILABLE.response()
        if fires("reject-reset"):
            return break_off(request)
        return await self._account.hang(request) if fires("reject-hang") else None

    async def _answer(self, request: web.Request, message: Message) -> web.Response | None:
        """Fail after the message was created; None when all is well."""
        fires = self._account.faults.fires
        for fault in ("accept-then-500", "accept-then-reset", "accept-then-hang"):
            if fires(fault):
                message.answered = fault
                break
        if message.answered == "accept-then-500":
            return INTERNAL.response()
        if message.answered == "accept-then-reset":
            return break_off(request)
        if message.answered == "accept-then-hang":
            return await self._account.hang(request)
        message.answered = "201"
        return None

    def _failure(self, form: CreateForm) -> int | None:
        """Give the code that an accepted message ends with, None when it is delivered."""
        code = self._account.codes.get(form.to.removeprefix("whatsapp:"))
        if code and is_late(code):
            return code
        outside = self._account.behaviour.enforce_window and not self._account.ledger.window_is_open(form.to)
        return _OUTSIDE_WINDOW if outside and not form.content_sid else None


async def _form(request: web.Request) -> CreateForm:
    sent = await request.post()
    one = {name: value for name, value in sent.items() if isinstance(value, str)}
    return CreateForm(
        to=one.get("To", ""),
        from_=one.get("From", ""),
        body=one.get("Body", ""),
        media=[str(url) for url in sent.getall("MediaUrl", [])],
        content_sid=one.get("ContentSid", ""),
        content_variables=one.get("ContentVariables", ""),
        status_callback=one.get("StatusCallback", ""),
    )


def _message(form: CreateForm) -> Message:
    own = parse_qs(urlsplit(form.status_callback).query).get("mid", [None])[0]
    return Message(
        sid=new_sid("MM" if form.media or form.content_sid else "SM"),
        to=form.to,
        from_=form.from_,
        body=form.body or _rendered(form),
        direction="outbound-api",
        status="queued",
        created=now(),
        media=form.media,
        own_id=own,
        content_sid=form.content_sid or None,
    )


def _rendered(form: CreateForm) -> str:
    """A template's own words are not known here: its variables stand for them."""
    values = json.loads(form.content_variables or "{}")
    return " ".join(str(values[name]) for name in sorted(values)) if form.content_sid else ""
