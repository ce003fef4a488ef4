"""A body that does not arrive is given up; a compressed one is inflated only for those with a token."""

import gzip
import json
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.gateway import AUTH, TOKEN, call
from tests.support.web_process import Web

FORM = "application/x-www-form-urlencoded"
BEGUN = {
    "/ops/sign-in": f"Content-Type: {FORM}",
    "/ops/language": f"Content-Type: {FORM}",
    "/webhook/twilio/incoming": f"Content-Type: {FORM}\r\nX-Twilio-Signature: x",
    "/api/call-completed": f"Content-Type: application/json\r\nX-Service-Token: {TOKEN}",
    "/api/conversations/573138539155/commands": f"Content-Type: application/json\r\nX-Service-Token: {TOKEN}",
    "/api/dead-letters/retry": f"Content-Type: application/json\r\nX-Service-Token: {TOKEN}",
}
_PATIENCE_SECONDS = 30


def begin(web: Web, path: str) -> str:
    """Send a head and one byte of a hundred; give the answer's first line."""
    with socket.create_connection(("127.0.0.1", web.port), _PATIENCE_SECONDS) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n{BEGUN[path]}\r\n\r\n"
        connection.sendall(head.encode() + b"x")
        return connection.makefile("rb").readline().decode()


def test_a_body_that_does_not_come_is_408_on_every_route(web: Web) -> None:
    with ThreadPoolExecutor(len(BEGUN)) as slow:
        lines = dict(zip(BEGUN, slow.map(lambda path: begin(web, path), BEGUN), strict=True))
    assert {path: line.split(" ")[1] for path, line in lines.items()} == dict.fromkeys(BEGUN, "408")


@pytest.mark.parametrize("path", [path for path in BEGUN if not path.startswith("/api")])
def test_nothing_of_a_stranger_is_inflated(client: httpx.Client, path: str) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip", "X-Twilio-Signature": "x"}
    answer = client.post(path, content=gzip.compress(b"a=" + b"x" * 10_000_000), headers=headers)
    assert answer.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE


def test_who_has_the_token_may_compress(client: httpx.Client) -> None:
    body = json.dumps(call("conv_gzip")).encode()
    for encoding, packed in (
        ("gzip", gzip.compress(body)),
        ("deflate", zlib.compress(body)),
        ("identity", body),
    ):
        assert _posted(client, encoding, packed).status_code == httpx.codes.ACCEPTED, encoding
    bomb = gzip.compress(b" " * 100_000_000 + body)
    assert _posted(client, "gzip", bomb).status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    for broken in (gzip.compress(body)[:-9], b"\x1f\x8b", body, b""):
        assert _posted(client, "gzip", broken).status_code == httpx.codes.BAD_REQUEST
    refused = _posted(client, "br", body)
    assert (refused.status_code, "gzip" in refused.json()["details"]) == (415, True)


def _posted(client: httpx.Client, encoding: str, body: bytes) -> httpx.Response:
    headers = AUTH | {"Content-Type": "application/json", "Content-Encoding": encoding}
    return client.post("/api/call-completed", content=body, headers=headers)
