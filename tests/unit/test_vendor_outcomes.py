"""Health also judges vendors by workers' calls: enough failures, most of the newest calls, no older ones."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.circuit_breaker import MOST_OUTCOMES, CircuitBreaker
from clients.elevenlabs.api import ElevenLabsApi
from clients.twilio.api import TwilioApi
from clients.views import WorkerViews
from schemas.errors import RetryableError
from schemas.settings import load_settings
from web.vendors import VendorOutcomes, Vendors, failing


def view(answered: int, failed: int, *, paused: bool = False) -> dict[str, Any]:
    return {"vendors": {"twilio": {"paused": paused, "answered": answered, "failed": failed}}}


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ([view(0, 4)], False),  # one number's trouble
        ([view(0, 5)], True),
        ([view(9, 8)], False),
        ([view(2, 3), view(1, 4)], True),
        ([view(0, 1, paused=True)], True),
        ([view(0, 0, paused=True)], False),  # nobody has asked for a while
        ([{}, {"vendors": 1}, {"vendors": {"twilio": None}}], False),
    ],
)
def test_a_vendor_fails_when_most_of_the_newest_calls_do(views: list[dict[str, Any]], told: bool) -> None:
    assert failing(views) == (frozenset({"twilio"}) if told else frozenset())


async def _call(breaker: CircuitBreaker, *, fails: bool) -> None:
    async with breaker.call():
        if fails:
            raise RetryableError("twilio", "503")


async def test_a_worker_tells_of_the_newest_calls_only() -> None:
    now = 100.0
    breaker = CircuitBreaker("twilio", clock=lambda: now)
    for fails in (True, True, False):
        try:
            await _call(breaker, fails=fails)
        except RetryableError:
            continue
    assert breaker.recent() == {"answered": 1, "failed": 2}
    for _ in range(MOST_OUTCOMES + 9):
        await _call(breaker, fails=False)
    assert breaker.recent() == {"answered": MOST_OUTCOMES, "failed": 0}
    now += 10.0
    assert breaker.recent() == {"answered": 0, "failed": 0}


async def test_a_vendor_that_answers_a_probe_and_fails_at_the_work_is_an_error() -> None:
    answers = {"/partitions": view(0, 7), "/2010-04-01/Accounts/AC1.json": {}, "/v1/convai/agents": {}}

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/")).rstrip("/")
        settings = load_settings(
            {},
            worker_urls=f"{url}, http://127.0.0.1:9",
            twilio_api_base_url=url,
            twilio_account_sid="AC1",
            twilio_auth_token="t",
            elevenlabs_api_base_url=url,
            elevenlabs_api_key="k",
        )
        outcomes = VendorOutcomes(WorkerViews(settings, session))
        twilio, elevenlabs = TwilioApi(settings, session), ElevenLabsApi(settings, session)
        vendors = Vendors(settings, twilio, elevenlabs, lambda: outcomes.failing)
        assert await vendors.twilio() == "ok"
        await outcomes.look()
        assert (await vendors.twilio(), await vendors.elevenlabs()) == ("error", "ok")
        answers["/partitions"] = view(1, 0)
        await outcomes.look()
        assert await vendors.twilio() == "ok"
