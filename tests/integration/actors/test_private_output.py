"""A run with faults: nothing that a process shows to anybody holds a secret, a person's number or words."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.deadline import eventually
from tests.support.gateway import TOKEN as SERVICE_TOKEN
from tests.support.gateway import TWILIO_TOKEN
from tests.support.said import until_said
from tests.support.simulators import KEY, TOKEN, Simulator
from tests.support.web_process import running_web

_ANA, _NOBODY = "+573138539155", "+573138539266"
_WORDS, _NAME = "ornitorrinco azul", "García"
_SERVICE_TOKEN = "service-token-of-this-test"
_VIEWS = ("/live", "/ready", "/metrics", "/partitions", "/", "/conversations", "/stats")
_PERSONAL = (_WORDS, _NAME, _ANA[1:], _NOBODY[1:])


@pytest.fixture
async def traces() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A collector: its address, and what came."""
    came: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        came.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), came


@pytest.fixture
def env(env: dict[str, str], traces: tuple[str, list[bytes]]) -> dict[str, str]:
    more = {"LOG_FORMAT": "console", "LOG_LEVEL": "DEBUG", "OTEL_EXPORTER_OTLP_ENDPOINT": traces[0]}
    own = {"MICROSERVICE_TOKEN": _SERVICE_TOKEN, "BACKEND_URL": "http://127.0.0.1:9"}
    return env | more | own | {"TWILIO_UNKNOWN_PATIENCE_SECONDS": "1"}


async def test_a_worker_with_faults_shows_nothing_private(
    workers: list[ActorWorker],
    backend: Backend,
    twilio: Simulator,
    elevenlabs: Simulator,
    traces: tuple[str, list[bytes]],
    env: dict[str, str],
) -> None:
    worker = workers[0]
    await worker.start()
    await worker.ready()
    await _with_faults(backend, twilio, elevenlabs, worker)
    shown = worker.log.read_bytes()
    for path in _VIEWS:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{worker.port}", timeout=10) as client:
            shown += (await client.get(path)).content
    assert await worker.stop() == 0
    shown += worker.log.read_bytes() + b"".join(traces[1])
    assert traces[1], "spans have come"
    assert b"turn failed" in shown
    assert b"becomes a dead letter" in shown
    assert _found(shown, *_PERSONAL, KEY, TOKEN, _SERVICE_TOKEN) == []


async def _with_faults(
    backend: Backend, twilio: Simulator, elevenlabs: Simulator, worker: ActorWorker
) -> None:
    await backend.call(_ANA, "conv_1")
    await until_said(twilio, "Hola Ana")
    twilio.steer("numbers", {"number": _NOBODY, "error_code": 21211})
    await backend.call(_NOBODY, "conv_2")
    for fault in ("socket-500", "bad-event", "signed-url-html"):
        elevenlabs.fault(fault)
    for fault in ("reject-503", "reject-html", "accept-reset"):
        twilio.fault(fault)
    poison = f'{{"event_id": 1, "{_WORDS}": "{_ANA}"'
    for topic in (CALL_COMPLETED, INBOUND_MESSAGE):
        await backend.producer.send_and_wait(backend.prefix + topic, poison.encode(), _ANA.encode())
    await backend.write(_ANA, f"¿Y el {_WORDS}?")
    await worker.kill()
    await worker.start()
    await worker.ready()
    await backend.write(_ANA, f"¿Sigue el {_WORDS}? Sí")
    await until_said(twilio, "Sí")
    await backend.command(_ANA, "write", text=f"El {_WORDS} no está", reason=_WORDS)
    await until_said(twilio, "no está")

    async def failed() -> bool:
        return b"turn failed" in worker.log.read_bytes()

    await eventually(failed)


def test_a_web_process_without_kafka_shows_nothing_private(database_url: str, tmp_path: Path) -> None:
    body = {"agent_id": "a", "recipient": {"phone_number": _ANA, "conversation_id": "c1"}}
    call = body | {"call_metadata": {"client_name": f"Ana {_NAME}"}}
    message = {"From": f"whatsapp:{_ANA}", "Body": _WORDS, "MessageSid": "SM1"}
    with running_web(database_url, tmp_path / "web.log", LOG_FORMAT="console", LOG_LEVEL="DEBUG") as process:
        client = httpx.Client(base_url=process.url, timeout=15)
        with client:
            token = {"X-Service-Token": SERVICE_TOKEN}
            client.post("/api/call-completed", json=call, headers=token)
            client.post(
                "/api/call-completed", content=_WORDS, headers=token | {"Content-Type": "application/json"}
            )
            client.post("/api/call-completed", json=call | {"agent_id": 1.5}, headers=token)
            client.get(f"/api/conversations/{_ANA}", headers=token)
            refused = client.post("/webhook/twilio/incoming", data=message)
            unsigned = [
                client.get(path) for path in (f"/api/conversations/{_ANA}", "/api/stats", "/api/dead-letters")
            ]
            asked = [
                client.get(path)
                for path in ("/health", "/live", "/ready", "/metrics", "/docs", "/ops/sign-in")
            ]
    shown = process.log.read_bytes() + b"".join(answer.content for answer in (refused, *unsigned, *asked))
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert {answer.status_code for answer in unsigned} == {httpx.codes.UNAUTHORIZED}
    assert _found(shown, *_PERSONAL, SERVICE_TOKEN, TWILIO_TOKEN) == []


def _found(shown: bytes, *private: str) -> list[str]:
    return [each for each in private if each.encode() in shown]
