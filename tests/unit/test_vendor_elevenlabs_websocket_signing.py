"""How a text conversation is let in: by a signed URL, by the key itself, or not at all."""

import asyncio
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.signed_urls import SignedUrls
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from clients.http import open_session
from schemas.errors import RetryableError, TerminalError, VendorError
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.vendor_servers import Json, ScriptedElevenLabs, served
from tests.support.websocket_scripts import ANSWER, QUESTION, SHORT, agent, says

SIGNING: list[tuple[int, Json, type[VendorError]]] = [
    (404, {"detail": {"status": "agent_not_found", "message": "No such agent"}}, TerminalError),
    (422, {"detail": [{"msg": "bad"}]}, TerminalError),
    (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, RetryableError),
    (429, {"detail": {"status": "system_busy"}}, RetryableError),
    (500, {"detail": "x"}, RetryableError),
    (200, {"other": 1}, RetryableError),
]


@pytest.mark.parametrize(("status", "body", "kind"), SIGNING)
async def test_signed_url_is_refused(status: int, body: Json, kind: type[VendorError]) -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    vendor.signing = status, body
    async with agent(vendor) as client:
        with pytest.raises(kind):
            await client.ask(QUESTION)
    assert not vendor.starts


async def test_key_that_may_not_sign_goes_as_header() -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    vendor.signing = 401, {"detail": {"status": "missing_permissions", "message": "convai_write"}}
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
    assert vendor.headers[0]["xi-api-key"] == "k"


async def test_key_does_not_travel_with_a_signed_url() -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    async with agent(vendor) as client:
        await client.ask(QUESTION)
    assert "xi-api-key" not in vendor.headers[0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RetryableError),
        (403, TerminalError),
        (404, TerminalError),
        (429, RetryableError),
        (503, RetryableError),
    ],
)
async def test_handshake_is_refused(status: int, kind: type[VendorError]) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("get-signed-url"):
            return web.json_response({"signed_url": f"ws://{request.host}/socket"})
        return web.Response(status=status)

    async with served(handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        with pytest.raises(kind):
            await ElevenLabsWebSocket(ElevenLabsApi(settings, session), waits=SHORT).ask(QUESTION)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_handshake_that_is_sent_on_takes_the_key_nowhere(status: int) -> None:
    came: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        came.append(str(request.headers))
        return web.Response()

    async with served(elsewhere) as other, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:

        async def handle(request: web.Request) -> web.Response:
            if request.path.endswith("get-signed-url"):
                return web.json_response({"detail": {"status": "missing_permissions"}}, status=401)
            return web.Response(status=status, headers={"Location": f"{other}/socket"})

        async with served(handle) as url:
            settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
            with pytest.raises(RetryableError):
                await ElevenLabsWebSocket(ElevenLabsApi(settings, session), waits=SHORT).ask(QUESTION)
    assert came == []


class Signing:
    """A vendor that signs; `good`: how many conversations a signed URL may begin."""

    def __init__(self, good: int) -> None:
        self._good = good
        self.signed = 0
        self._begun: dict[str, int] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("get-signed-url"):
            self.signed += 1
            return web.json_response({"signed_url": f"ws://{request.host}/socket?n={self.signed}"})
        name = request.query["n"]
        self._begun[name] = self._begun.get(name, 0) + 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self._begun[name] > self._good:
            await socket.close(code=1008, message=b"Could not find or authorize the agent")
        else:
            await says(*ANSWER)(socket)
        return socket


@pytest.mark.parametrize(("good", "signed"), [(9, 1), (1, 3)])
async def test_a_signed_url_is_used_for_as_long_as_conversations_begin_under_it(
    good: int, signed: int
) -> None:
    vendor = Signing(good)
    async with served(vendor.handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        client = ElevenLabsWebSocket(ElevenLabsApi(settings, session), waits=SHORT)
        assert [(await client.ask(QUESTION)).text for _ in range(3)] == ["Cuesta $99"] * 3
    assert vendor.signed == signed


class Steady:
    """A clock that stands; `signed`: URLs that were given out, none while `is_away`."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.signed = 0
        self.is_away = False

    async def get(self, path: str, params: dict[str, str], timeout: object) -> Json:
        if self.is_away:
            raise RetryableError("elevenlabs", "HTTP 500", 500)
        self.signed += 1
        return {"signed_url": f"wss://{params['agent_id']}/{self.signed}"}


async def test_a_signed_url_is_renewed_in_time_and_used_on_while_none_is_given_out() -> None:
    vendor = Steady()
    urls = SignedUrls(cast(ElevenLabsApi, vendor), lambda: vendor.at)
    assert (await urls.of("a")).url == "wss://a/1"
    vendor.at += 299
    assert (await urls.of("a")).url == "wss://a/1"
    vendor.at += 1
    assert (await urls.of("a")).url == "wss://a/1", "nobody waits for a renewal"

    async def is_renewed() -> bool:
        return (await urls.of("a")).url == "wss://a/2"

    await eventually(is_renewed)
    assert (await urls.of("b")).url == "wss://b/3"
    vendor.at, vendor.is_away = vendor.at + 599, True
    assert (await urls.of("a")).url == "wss://a/2"
    vendor.at += 1
    with pytest.raises(RetryableError):
        await urls.of("a")


async def test_all_who_ask_at_once_share_one_signed_url() -> None:
    vendor = Steady()
    urls = SignedUrls(cast(ElevenLabsApi, vendor), lambda: vendor.at)
    assert {each.url for each in await asyncio.gather(*(urls.of("a") for _ in range(20)))} == {"wss://a/1"}


async def test_a_question_that_is_given_up_does_not_end_the_wait_of_others() -> None:
    vendor = Steady()
    urls = SignedUrls(cast(ElevenLabsApi, vendor), lambda: vendor.at)
    first = asyncio.create_task(urls.of("a"))
    await asyncio.sleep(0)  # it asks
    first.cancel()
    assert (await urls.of("a")).url == "wss://a/1"
