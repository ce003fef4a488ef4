"""How a text conversation is let in: by a signed URL, by the key itself, or not at all."""

import aiohttp
import pytest
from aiohttp import web

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from clients.http import open_session
from schemas.errors import RetryableError, TerminalError, VendorError
from schemas.settings import load_settings
from tests.support.vendor_servers import Json, ScriptedElevenLabs, served
from tests.support.websocket_scripts import ANSWER, QUESTION, agent, says, short_waits


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    short_waits(monkeypatch)


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
    [(401, RetryableError), (403, TerminalError), (404, TerminalError), (429, RetryableError), (503, RetryableError)],
)
async def test_handshake_is_refused(status: int, kind: type[VendorError]) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("get-signed-url"):
            return web.json_response({"signed_url": f"ws://{request.host}/socket"})
        return web.Response(status=status)

    async with served(handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        with pytest.raises(kind):
            await ElevenLabsWebSocket(ElevenLabsApi(settings, session)).ask(QUESTION)


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
                await ElevenLabsWebSocket(ElevenLabsApi(settings, session)).ask(QUESTION)
    assert came == []
