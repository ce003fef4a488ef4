"""A client writes: the webhook with its parameters, and the reply that TwiML may carry."""

import json
from typing import Any
from xml.etree import ElementTree

from local.twilio.account import Account
from local.twilio.messages import API_VERSION, Message, new_sid, now
from local.twilio.poster import Delivery

Json = dict[str, Any]


def written(account: Account, wanted: Json) -> Message:
    """Give the message that a client writes, or wrote already under the same `sid`.

    Raises:
        KeyError: `from` is missing.
    """
    known = account.ledger.get(wanted.get("sid") or "")
    if known is not None:
        return known
    moment = now()
    message = Message(
        sid=wanted.get("sid") or new_sid("MM" if wanted.get("media") else "SM"),
        from_=address(wanted["from"]),
        to=address(wanted.get("to") or account.settings.sender),
        body=wanted.get("body", ""),
        media=list(wanted.get("media", [])),
        direction="inbound",
        status="received",
        created=moment,
        sent_at=moment,
    )
    return account.ledger.add(message)


async def deliver(account: Account, message: Message, wanted: Json) -> Delivery:
    """Post the webhook once; the message stays listed whatever comes of it."""
    if account.faults.fires("drop-webhook"):
        return Delivery(0, why="dropped")
    params = parameters(account.settings.account_sid, message, wanted.get("profile_name", "Cliente"))
    params |= {name: str(value) for name, value in wanted.get("extra", {}).items()}
    delivery = await account.poster.post(account.settings.webhook_url, params, f"in-{message.sid}")
    for text in twiml_messages(delivery.body):
        account.ledger.add(_reply(message, text))
    return delivery


def parameters(account_sid: str, message: Message, profile_name: str) -> dict[str, str]:
    """Give the form of a real WhatsApp webhook."""
    number = message.from_.removeprefix("whatsapp:")
    metadata = {"type": "whatsapp", "data": {"context": {"ProfileName": profile_name}}}
    params = {
        "MessageSid": message.sid, "SmsSid": message.sid, "SmsMessageSid": message.sid,
        "AccountSid": account_sid, "From": message.from_, "To": message.to, "Body": message.body, "NumMedia": str(len(message.media)),
        "NumSegments": "1", "ReferralNumMedia": "0", "SmsStatus": "received", "ApiVersion": API_VERSION,
        "MessageType": "image" if message.media else "text", "ProfileName": profile_name,
        "WaId": number.removeprefix("+"), "Forwarded": "false", "FrequentlyForwarded": "false",
        "ChannelMetadata": json.dumps(metadata),
    }  # fmt: skip
    if not number.startswith("+"):  # a business-scoped id instead of a number
        params["ExternalUserId"] = message.from_
    for index, url in enumerate(message.media):
        params |= {f"MediaUrl{index}": url, f"MediaContentType{index}": "image/jpeg"}
    return params


def twiml_messages(body: str) -> list[str]:
    """Give the texts of the `<Message>` verbs of an answer; anything that is not TwiML has none."""
    if "<Message" not in body:
        return []
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - the answer of our own service on this machine
    except ElementTree.ParseError:
        return []
    return ["".join(verb.itertext()).strip() for verb in root.iter("Message")]


def address(number: str) -> str:
    return number if number.startswith("whatsapp:") else f"whatsapp:{number}"


def _reply(message: Message, text: str) -> Message:
    return Message(
        sid=new_sid(), to=message.from_, from_=message.to, body=text, direction="outbound-reply",
        status="queued", created=now(), answered="twiml",
    )  # fmt: skip
