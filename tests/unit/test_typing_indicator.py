"""Twilio's typing indicator, and the hosts of Twilio's products."""

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from clients.twilio.api import TwilioApi, product_host
from clients.twilio.typing_indicator import TypingIndicator
from schemas.settings import load_settings
from tests.support.deadline import eventually


async def test_the_indicator_is_shown_where_the_answer_takes_long_and_is_never_in_the_way() -> None:
    shown: list[dict[str, object]] = []

    async def show(request: web.Request) -> web.Response:
        shown.append(dict(await request.post()))
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/v2/Indicators/Typing.json", show)
    async with TestServer(app) as server, ClientSession() as session:
        api = TwilioApi(load_settings({}, twilio_api_base_url=str(server.make_url(""))), session)
        typing = TypingIndicator(api, is_on=True, after_seconds=0.01)
        with typing.shown("SM0"):
            pass  # answered at once

        async def is_shown() -> bool:
            return bool(shown)

        with typing.shown("SM1"):
            await eventually(is_shown, every=0.01)
    assert shown == [{"channel": "whatsapp", "messageId": "SM1"}]


def test_each_product_of_twilio_has_its_host() -> None:
    assert product_host("https://api.twilio.com", "messaging") == "https://messaging.twilio.com"
    assert (
        product_host("https://api.dublin.ie1.twilio.com/", "messaging")
        == "https://messaging.dublin.ie1.twilio.com"
    )
    assert product_host("http://127.0.0.1:4010", "messaging") == "http://127.0.0.1:4010"
