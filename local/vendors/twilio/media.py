"""Media of messages: listed, described, and their bytes behind basic auth."""

from typing import Any

from aiohttp import web

from local.vendors.twilio.account import Account
from local.vendors.twilio.errors import error
from local.vendors.twilio.messages import API_VERSION, Media, Message
from local.vendors.twilio.simulator import TwilioSimulator

_DATE = "Wed, 01 Jan 2025 00:00:00 +0000"


async def list_media(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    """Return the list of a message's media."""
    message = _message(simulator, account, request)
    if message is None:
        return error(404, 20404)
    uri = str(request.rel_url)
    return web.json_response(
        {
            "media_list": [_json(message, media) for media in message.media],
            "uri": uri,
            "first_page_uri": uri,
            "next_page_uri": None,
            "previous_page_uri": None,
            "page": 0,
            "page_size": 50,
            "start": 0,
            "end": max(len(message.media) - 1, 0),
        }
    )


async def fetch_media(simulator: TwilioSimulator, account: Account, request: web.Request) -> web.Response:
    """Return one file's description."""
    message, media = _found(simulator, account, request)
    return web.json_response(_json(message, media)) if message and media else error(404, 20404)


async def media_bytes(
    simulator: TwilioSimulator, account: Account, request: web.Request
) -> web.StreamResponse:
    """Return the bytes, or a redirect to the host that has them."""
    _, media = _found(simulator, account, request)
    if media is None:
        return error(404, 20404)
    if simulator.media_redirect and "cdn" not in request.query:
        return web.Response(status=307, headers={"Location": str(request.url.update_query(cdn="1"))})
    return web.Response(body=media.data, content_type=media.content_type)


def _message(simulator: TwilioSimulator, account: Account, request: web.Request) -> Message | None:
    message = simulator.ledger.get(request.match_info["sid"])
    return message if message and message.account == account.sid else None


def _found(
    simulator: TwilioSimulator, account: Account, request: web.Request
) -> tuple[Message | None, Media | None]:
    message = _message(simulator, account, request)
    wanted = request.match_info["media"]
    return message, next((one for one in message.media if one.sid == wanted), None) if message else None


def _json(message: Message, media: Media) -> dict[str, Any]:
    uri = f"/{API_VERSION}/Accounts/{message.account}/Messages/{message.sid}/Media/{media.sid}.json"
    return {
        "sid": media.sid,
        "account_sid": message.account,
        "parent_sid": message.sid,
        "content_type": media.content_type,
        "date_created": _DATE,
        "date_updated": _DATE,
        "uri": uri,
    }
