"""Guessing at the sign-in is told to stop, and keeps out nobody who has a right token."""

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.support import http
from tests.support.web_process import Web, running_web

ANA = "a" * 40
_AT_ONCE_SECONDS = 5.0
_ATTEMPTS = 5


@pytest.fixture(scope="module")
def proxied(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A `web` behind a proxy on this machine."""
    log, operators = tmp_path_factory.mktemp("proxied") / "web.log", json.dumps({"ana": ANA})
    with running_web(database, log, OPERATOR_TOKENS=operators, TRUSTED_PROXIES="127.0.0.0/8") as running:
        yield running


def sign_in(web: Web, token: str, *via: str) -> httpx.Response:
    headers = {"X-Forwarded-For": ", ".join(via), "Accept-Language": "en"}
    return http.post(f"{web.url}/ops/sign-in", data={"token": token}, headers=headers)


def statuses(web: Web, count: int, *via: str) -> list[int]:
    return [sign_in(web, f"wrong{number}", *via).status_code for number in range(count)]


def test_a_right_token_always_gets_in(proxied: Web) -> None:
    client_ip = "198.51.100.1"
    assert statuses(proxied, 12, client_ip)[_ATTEMPTS - 1 :].count(429) >= 6
    began = time.monotonic()
    told_to_wait = sign_in(proxied, "wrong", client_ip)
    assert (told_to_wait.status_code, int(told_to_wait.headers["Retry-After"]) > 0) == (429, True)
    assert "Wait a minute" in told_to_wait.text
    assert sign_in(proxied, ANA, client_ip).status_code == httpx.codes.SEE_OTHER
    assert time.monotonic() - began < _AT_ONCE_SECONDS
    # Whoever belongs here may mistype again.
    assert sign_in(proxied, "wrong", client_ip).status_code == httpx.codes.UNAUTHORIZED


def test_half_sent_forms_are_counted_when_they_come(proxied: Web) -> None:
    client_ip = "198.51.100.2"
    body = b"token=wrong"
    head = (
        "POST /ops/sign-in HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"X-Forwarded-For: {client_ip}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with ExitStack() as opened:
        guesses = [
            opened.enter_context(socket.create_connection(("127.0.0.1", proxied.port), 20))
            for _ in range(100)
        ]
        for guess in guesses:
            guess.sendall(head.encode() + body[:-1])
        for guess in guesses:
            guess.sendall(body[-1:])
        answered = Counter(guess.makefile("rb").readline().split(b" ")[1] for guess in guesses)
    assert answered.keys() == {b"401", b"429"}
    assert answered[b"401"] <= _ATTEMPTS + 1  # one more has become free meanwhile
    assert sign_in(proxied, ANA, client_ip).status_code == httpx.codes.SEE_OTHER


def test_clients_behind_a_proxy_are_counted_one_by_one(proxied: Web) -> None:
    assert 429 in statuses(proxied, 8, "203.0.113.1")
    assert statuses(proxied, 3, "203.0.113.2") == [401] * 3
    # What a client writes before the proxy's own word makes it nobody else.
    assert statuses(proxied, 1, "203.0.113.3", "203.0.113.1") == [429]
    assert statuses(proxied, 1, "203.0.113.1", "203.0.113.4") == [401]


def test_what_strangers_say_of_themselves_does_not_count(web: Web) -> None:
    assert [sign_in(web, "wrong", f"203.0.113.{number}").status_code for number in range(12)].count(429) >= 6
