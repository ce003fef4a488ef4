"""The post-call webhook: what is refused before a byte of its body, and that no size of body costs memory."""

import hashlib
import hmac
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support import http
from tests.support.web_process import Web, running_web

PATH = "/webhook/elevenlabs/post-call"
SECRET = "wsec_" + "0" * 32
MB = 1024 * 1024
_SOON_SECONDS = 20


@pytest.fixture(scope="module")
def told(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A `web` that knows the webhook's secret."""
    log = tmp_path_factory.mktemp("post-call") / "web.log"
    with running_web(database, log, ELEVENLABS_WEBHOOK_SECRET=SECRET) as running:
        yield running


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at or time.time()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"ElevenLabs-Signature": f"t={stamp},v0={digest}"}


def forged(at: float | None = None) -> dict[str, str]:
    return signed(b"", at, "a guess")


def send(web: Web, headers: dict[str, str], body: bytes = b"") -> str:
    """Send a head and a part of the body that it declares; give the answer's first line."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", web.port), _SOON_SECONDS) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: h\r\n{head}\r\n".encode() + body)
        return connection.makefile("rb").readline().decode()


def grown(web: Web) -> int:
    """How far the process has grown, in bytes, since `reset` was its highest."""
    status = Path(f"/proc/{web.pid}/status").read_text()
    sizes = {
        line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")
    }
    return sizes["VmHWM"] * 1024


def reset(web: Web) -> int:
    Path(f"/proc/{web.pid}/clear_refs").write_text("5")
    return grown(web)


@pytest.mark.parametrize("declared", [{"Content-Length": str(8 * MB)}, {"Transfer-Encoding": "chunked"}])
def test_who_cannot_be_elevenlabs_is_refused_before_a_byte(
    web: Web, told: Web, declared: dict[str, str]
) -> None:
    assert " 403 " in send(web, declared | forged())  # no secret is set
    for headers in (
        {},
        forged(time.time() - 3600),
        forged(time.time() + 3600),
        {"ElevenLabs-Signature": "t=,v0="},
    ):
        assert " 403 " in send(told, declared | headers)
    assert " 415 " in send(told, declared | forged() | {"Content-Encoding": "gzip"})


def test_a_length_that_nothing_has_is_refused_before_a_byte(told: Web) -> None:
    assert " 413 " in send(told, {"Content-Length": str(1024 * MB)} | forged())


def test_a_recording_is_ignored_and_not_held(told: Web) -> None:
    recording = b'{"type": "post_call_audio", "event_timestamp": 1, "data": {"full_audio": "%s"}}' % (
        b"A" * 64 * MB
    )
    headers = signed(recording)
    for body in (recording, (recording[at : at + MB] for at in range(0, len(recording), MB))):
        before = reset(told)
        answer = http.post(told.url + PATH, content=body, headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
        assert grown(told) - before < 8 * MB
    answer = http.post(told.url + PATH, content=recording[:-1] + b" ", headers=headers, timeout=60)
    assert answer.status_code == httpx.codes.FORBIDDEN


def test_what_is_too_large_for_a_transcript_is_ignored_too(told: Web) -> None:
    body = json.dumps({"data": {"transcript": "x" * 9 * MB}, "type": "post_call_transcription"}).encode()
    answer = http.post(told.url + PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")


def test_a_long_transcript_is_read(told: Web) -> None:
    body = json.dumps({"type": "post_call_transcription", "data": ["x" * MB]}).encode()
    assert (
        http.post(told.url + PATH, content=body, headers=signed(body)).json()["details"].startswith("data:")
    )


def test_fifty_strangers_take_no_memory(web: Web, told: Web) -> None:
    # A socket holds some 300 kB; two bodies are kept at once, and copied once while they grow.
    for process, most in ((web, 24 * MB), (told, 80 * MB)):
        before = reset(process)
        headers = forged() | {"Content-Length": str(8 * MB)}
        with ThreadPoolExecutor(50) as strangers:
            answers = [strangers.submit(_upload, process, headers) for _ in range(50)]
        assert {answer.result() for answer in answers} <= {"403", "503", ""}
        assert grown(process) - before < most


def _upload(web: Web, headers: dict[str, str]) -> str:
    try:
        return send(web, headers, os.urandom(8 * MB)).split(" ")[1]
    except (ConnectionError, IndexError):
        return ""  # an answer came before all was sent, and the rest met a closed connection


def test_few_large_ones_are_held_at_once(told: Web) -> None:
    headers, begun = forged() | {"Content-Length": str(2 * MB)}, b"x" * MB
    with ThreadPoolExecutor(5) as strangers:
        answers = [strangers.submit(send, told, headers, begun) for _ in range(5)]
    first_words = sorted(answer.result().split(" ")[1] for answer in answers)
    assert first_words == ["408", "408", "503", "503", "503"]
