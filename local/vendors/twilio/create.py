"""`POST …/Messages.json`: checks, acceptance and answer, in Twilio's order."""

from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from local.vendors.twilio.account import Account
from local.vendors.twilio.errors import Refusal
from local.vendors.twilio.messages import Media, Message, new_sid, now
from local.vendors.twilio.rules import failure, refusal
from local.vendors.twilio.simulator import TwilioSimulator
from local.vendors.twilio.templates import parse_variables

Form = dict[str, str]
_QUEUE_FULL = Refusal(400, 21611)


async def create(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.StreamResponse:
    """Answer a create."""
    if fault := simulator.faults.take("429"):
        return simulator.trouble.refusal(429, fault)
    if answer := await simulator.trouble.answer(request, "reject"):
        return answer
    posted = await request.post()
    form: Form = {name: str(value) for name, value in posted.items()}
    media = [
        Media(sid=new_sid("ME"), content_type="application/octet-stream", url=str(url))
        for url in posted.getall("MediaUrl", [])
    ]
    if problem := _refused(simulator, account, form):
        return problem.answer()
    message = await _accept(simulator, account, form, media)
    return await simulator.trouble.answer(request, "accept") or web.json_response(
        message.as_json(), status=201
    )


def _refused(simulator: TwilioSimulator, account: Account, form: Form) -> Refusal | None:
    if problem := refusal(form, account.senders, simulator.templates, simulator.people):
        return problem
    return _QUEUE_FULL if simulator.delivery.queue.full(form["From"]) else None


async def _accept(simulator: TwilioSimulator, account: Account, form: Form, media: list[Media]) -> Message:
    callback = form.get("StatusCallback", "")
    content_sid, variables = form.get("ContentSid"), parse_variables(form.get("ContentVariables")) or {}
    text = simulator.templates.text(content_sid, variables) if content_sid else form.get("Body", "")
    message = Message(
        sid=new_sid("MM" if content_sid or media else "SM"),
        account=account.sid,
        to=form["To"],
        from_=form["From"],
        body=text,
        direction="outbound-api",
        status="queued",
        created=now(),
        media=media,
        content_sid=content_sid,
        content_variables=variables,
        own_id=parse_qs(urlsplit(callback).query).get("mid", [None])[0],
    )
    simulator.ledger.add(message)
    code = failure(message, simulator.templates, simulator.people)
    if simulator.faults.fires("drop-callbacks"):
        callback = ""
    await simulator.delivery.begin(message, account, callback, code)
    return message
