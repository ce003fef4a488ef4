"""Whatever is asked, with rights or without, no answer is a server error."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from clients.kafka.topics import ensure_topics
from schemas.settings import load_settings
from tests.support.gateway import AUTH, TOKEN, TWILIO_TOKEN, call, message
from tests.support.odd_input import (
    API,
    FIELDS,
    FORM_FIELDS,
    FORMS,
    HEADERS,
    INNER,
    KINDS,
    NAMES,
    OUTER,
    PAGES,
    PARAMETERS,
    POSTS,
    TEXTS,
    VALUES,
    WEBHOOKS,
)
from tests.support.web_process import Web, running_web

often = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(database: str, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A `web` with all that it needs, so that no answer is due to what is away."""
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "TOPIC_PREFIX": "odd-", "TOPIC_PARTITIONS": "1"}
    asyncio.run(ensure_topics(load_settings(kafka)))
    log = tmp_path_factory.mktemp("whole") / "web.log"
    with running_web(database, log, OUTCOME_WAIT_SECONDS="0.02", **kafka) as running:
        yield running


@pytest.fixture(scope="module")
def client(whole: Web) -> Iterator[httpx.Client]:
    """Somebody who has the token, and is signed in."""
    with httpx.Client(base_url=whole.url, headers=AUTH | {"Accept": "text/html"}, timeout=30) as client:
        assert client.post("/ops/sign-in", data={"token": TOKEN}).status_code == httpx.codes.SEE_OTHER
        yield client


def _is_right(answer: httpx.Response) -> bool:
    """A file that is not at Twilio's is 502, and no error of ours."""
    return answer.status_code < 500 or (answer.status_code == 502 and "/media/" in str(answer.url))


def _filled(path: str, *texts: str) -> str:
    return path.format(*(quote(text or "x", safe="") for text in texts))


@often
@given(
    st.sampled_from(API + PAGES), st.tuples(TEXTS, TEXTS, TEXTS), st.dictionaries(NAMES, TEXTS, max_size=4)
)
def test_asking(client: httpx.Client, path: str, texts: tuple[str, ...], query: dict[str, str]) -> None:
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    answer = client.get(f"{_filled(path, *texts)}?{asked}")
    assert _is_right(answer), answer.text


@often
@given(st.sampled_from(POSTS), TEXTS, st.dictionaries(FIELDS | TEXTS, VALUES, max_size=6))
def test_telling(client: httpx.Client, path: str, text: str, body: dict[str, Any]) -> None:
    answer = client.post(_filled(path, text), json={"command": "close", "by": "Ana"} | body)
    assert _is_right(answer), answer.text


@often
@given(st.lists(OUTER, max_size=2), INNER, VALUES)
def test_calling(client: httpx.Client, names: list[str], inner: str, value: object) -> None:
    body = call() | dict.fromkeys(names, value)
    body["recipient"] = body["recipient"] | {inner: value} if isinstance(body["recipient"], dict) else value
    answer = client.post("/api/call-completed", json=body)
    assert _is_right(answer), answer.text


@often
@given(st.sampled_from(FORMS), TEXTS, st.dictionaries(FORM_FIELDS | TEXTS, TEXTS, max_size=5))
def test_sending_forms(client: httpx.Client, path: str, text: str, fields: dict[str, str]) -> None:
    assert _is_right(client.post(_filled(path, text), data=fields))


@often
@given(st.sampled_from(WEBHOOKS), st.dictionaries(PARAMETERS | TEXTS, TEXTS, max_size=8), st.integers(0, 310))
def test_what_twilio_signs(
    client: httpx.Client, whole: Web, path: str, odd: dict[str, str], more: int
) -> None:
    fields = (
        message() | {f"Extra{n}": "x" for n in range(more)} | {n.replace("\r\n", ""): odd[n] for n in odd}
    )
    headers = {
        "X-Twilio-Signature": RequestValidator(TWILIO_TOKEN).compute_signature(whole.url + path, fields)
    }
    answer = client.post(path, data=fields, headers=headers)
    assert _is_right(answer), answer.text


@often
@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_sending_bytes(client: httpx.Client, body: bytes, kind: str) -> None:
    for path in (
        "/api/call-completed",
        "/ops/sign-in",
        "/webhook/twilio/incoming",
        "/webhook/elevenlabs/post-call",
    ):
        headers = {"Content-Type": kind, "X-Twilio-Signature": "x", "ElevenLabs-Signature": "t=1,v0=x"}
        assert _is_right(client.post(path, content=body, headers=headers))


@often
@given(
    st.sampled_from(("/api/stats", "/ops/sign-in", "/health", "/webhook/twilio/incoming")),
    st.sampled_from(HEADERS),
    TEXTS.map(str.encode) | st.binary(max_size=40),
)
def test_sending_headers(whole: Web, path: str, name: str, value: bytes) -> None:
    """As they are, also where that is no HTTP: then there is no answer, or a 400."""
    method = "POST" if path.startswith("/webhook") else "GET"
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{name}: ".encode()
    with socket.create_connection(("127.0.0.1", whole.port), 20) as connection:
        connection.sendall(head + value + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        line = connection.makefile("rb").readline()
    assert not line or 100 <= int(line.split(b" ")[1]) < 500, line
