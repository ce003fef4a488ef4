"""The bound on waiting, and the vendors' probes."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.bounds import within
from clients.elevenlabs.api import ElevenLabsApi
from clients.twilio.api import TwilioApi
from schemas.settings import Settings, load_settings
from web.vendors import Vendors


async def test_gives_results_and_errors() -> None:
    async def give(value: int) -> int:
        return 1 // value

    assert await within(1, give(1)) == 1
    with pytest.raises(ZeroDivisionError):
        await within(1, give(0))


async def test_stops_waiting_for_what_cannot_be_cancelled() -> None:
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await go_on.wait()
            ended.set()

    with pytest.raises(TimeoutError):
        await within(0.01, stubborn())
    assert not ended.is_set()
    go_on.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_being_cancelled_cancels_the_work() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(within(60, work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(cancelled.wait(), 5)


def vendors_of(settings: Settings, session: aiohttp.ClientSession) -> Vendors:
    return Vendors(settings, TwilioApi(settings, session), ElevenLabsApi(settings, session))


@pytest.mark.parametrize(
    ("status", "found"),
    [(200, "ok"), (404, "ok"), (405, "ok"), (429, "ok"), (401, "error"), (403, "error"), (500, "error")],
)
async def test_what_a_vendors_answer_means(status: int, found: str) -> None:
    asked: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(
            (request.path, request.headers.get("xi-api-key") or request.headers.get("Authorization"))
        )
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("/"))
        settings = load_settings(
            {},
            twilio_account_sid="AC1",
            twilio_auth_token="t",
            twilio_api_base_url=base,
            elevenlabs_api_key="k",
            elevenlabs_api_base_url=base,
        )
        vendors = vendors_of(settings, session)
        assert (await vendors.twilio(), await vendors.elevenlabs()) == (found, found)
    assert asked == [("/2010-04-01/Accounts/AC1.json", "Basic QUMxOnQ="), ("/v1/convai/agents", "k")]


async def test_vendors_without_credentials_or_connection() -> None:
    nobody = "http://127.0.0.1:9"  # the discard port
    async with aiohttp.ClientSession() as session:
        bare = vendors_of(load_settings({}), session)
        assert (await bare.twilio(), await bare.elevenlabs()) == ("error", "error")
        settings = load_settings({}, elevenlabs_api_key="k", elevenlabs_api_base_url=nobody)
        assert await vendors_of(settings, session).elevenlabs() == "disconnected"
