"""Every kind of message a client can send, as Twilio posts it. Pure.

Twilio's documentation lacks `MessageType`, `ListId` and `ListTitle`, and how reactions and unsupported
messages arrive. They are written here as other integrations have seen or expect them.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from local.vendors.twilio.messages import API_VERSION, Media, Message, new_sid
from local.vendors.twilio.rules import WHATSAPP

Json = dict[str, Any]
Params = dict[str, str]

_TYPE_OF_MEDIA = {"image": "image", "audio": "audio", "video": "video"}


def media_of(wanted: Json) -> list[Media]:
    """Return a message's files: `media` lists `{content_type, base64 | text}`; contacts become vCards."""
    files = [*wanted.get("media", []), *(_vcard(contact) for contact in wanted.get("contacts", []))]
    return [
        Media(
            sid=new_sid("ME"),
            content_type=file["content_type"],
            data=base64.b64decode(file["base64"]) if "base64" in file else file.get("text", "").encode(),
        )
        for file in files
    ]


def _vcard(contact: Json) -> Json:
    text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{contact['name']}\r\nTEL:{contact['phone']}\r\nEND:VCARD\r\n"
    return {"content_type": "text/vcard", "text": text}


def body_of(wanted: Json) -> str:
    """Return the text: a button's or list's title, or a reaction's emoji, if it is one."""
    if "button" in wanted:
        return str(wanted["button"]["text"])
    if "list" in wanted:
        return str(wanted["list"]["title"])
    return str(wanted["reaction"]["emoji"]) if "reaction" in wanted else str(wanted.get("body", ""))


def params_of(message: Message, wanted: Json, base_url: str) -> Params:
    """Return the webhook's parameters. `base_url`: where media are fetched."""
    client = message.from_.removeprefix(WHATSAPP)
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": message.account,
        "From": message.from_,
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(len(message.media)),
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": API_VERSION,
        "ReferralNumMedia": "0",
        "ProfileName": str(wanted.get("profile_name", "Cliente")),
        "MessageType": _type(message, wanted),
        **_person(client, wanted),
        **_media_params(message, base_url),
        **_special(wanted),
    }
    params["ChannelMetadata"] = _metadata(params)
    return params | {name: str(value) for name, value in wanted.get("extra", {}).items()}


def _person(client: str, wanted: Json) -> Params:
    """Return who wrote. A person with a username shows an id and no number, or an id along with a number."""
    params = (
        {"WaId": client.lstrip("+")} if client.startswith("+") else {"ExternalUserId": f"{WHATSAPP}{client}"}
    )
    external = wanted.get("external_user_id")
    return params | ({"ExternalUserId": f"{WHATSAPP}{external}"} if external else {})


def _media_params(message: Message, base_url: str) -> Params:
    folder = f"{base_url}/{API_VERSION}/Accounts/{message.account}/Messages/{message.sid}/Media"
    params: Params = {}
    for index, media in enumerate(message.media):
        params[f"MediaUrl{index}"] = f"{folder}/{media.sid}"
        params[f"MediaContentType{index}"] = media.content_type
    return params


def _special(wanted: Json) -> Params:
    return {**_location(wanted.get("location")), **_choice(wanted), **_quote(wanted), **_flags(wanted)}


def _location(place: Mapping[str, Any] | None) -> Params:
    names = {"latitude": "Latitude", "longitude": "Longitude", "label": "Label", "address": "Address"}
    return {names[key]: str(value) for key, value in (place or {}).items() if value is not None}


def _choice(wanted: Json) -> Params:
    if button := wanted.get("button"):
        return {
            "ButtonText": button["text"],
            "ButtonPayload": button.get("payload", button["text"]),
            "ButtonType": "REPLY",
        }
    if pick := wanted.get("list"):
        return {"ListId": pick["id"], "ListTitle": pick["title"]}
    return {}


def _quote(wanted: Json) -> Params:
    quoted = wanted.get("quote") or wanted.get("reaction", {}).get("sid")
    sender = wanted.get("quote_sender", wanted.get("to"))
    params = {"OriginalRepliedMessageSid": quoted} if quoted else {}
    return params | ({"OriginalRepliedMessageSender": sender} if quoted and sender else {})


def _flags(wanted: Json) -> Params:
    flags = {"Forwarded": str(bool(wanted.get("forwarded"))).lower(), "FrequentlyForwarded": "false"}
    return flags | ({"OptOutType": wanted["opt_out_type"]} if wanted.get("opt_out_type") else {})


def _type(message: Message, wanted: Json) -> str:
    if kind := wanted.get("type"):  # sticker, unsupported, or anything
        return str(kind)
    for name, kind in (
        ("button", "interactive"),
        ("list", "interactive"),
        ("location", "location"),
        ("contacts", "contacts"),
        ("reaction", "reaction"),
    ):
        if name in wanted:
            return kind
    if message.media:
        return _TYPE_OF_MEDIA.get(message.media[0].content_type.partition("/")[0], "document")
    return "text"


def _metadata(params: Params) -> str:
    names = ("ButtonText", "ButtonPayload", "Forwarded", "FrequentlyForwarded", "ProfileName", "WaId")
    context = {name: params[name] for name in names if name in params}
    return json.dumps({"type": "whatsapp", "data": {"context": context}}, ensure_ascii=False)
