"""Forms are UTF-8 and bounded, on the pages as on the webhooks; other forms hold nobody up."""

import encodings.aliases
import time

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.support.gateway import TWILIO_TOKEN, message
from tests.support.web_process import Web

FORM = "application/x-www-form-urlencoded"
PAGES = ("/ops/language", "/ops/sign-in")
INCOMING = "/webhook/twilio/incoming"
LARGEST = 128 * 1024
_OTHERS = {*encodings.aliases.aliases.values(), "punycode", "idna", "undefined", "none", "x" * 500}
CHARSETS = sorted(_OTHERS - {"utf_8", "ascii"})
# The slowest encoding takes seconds for this body where it is used.
_AT_ONCE_SECONDS = 1.0


def signed(web: Web, body: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(TWILIO_TOKEN).compute_signature(web.url + INCOMING, body)}


@pytest.mark.parametrize("page", PAGES)
def test_a_sender_does_not_choose_the_encoding(client: httpx.Client, page: str) -> None:
    for charset in CHARSETS:
        began = time.monotonic()
        headers = {"Content-Type": f"{FORM}; charset={charset}"}
        answer = client.post(page, content=b"language=" + b"a-" * 60_000, headers=headers)
        assert answer.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE, charset
        assert time.monotonic() - began < _AT_ONCE_SECONDS, charset


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("body", [b"token=\xff", b"token=%ff", b"\xc3=1", b"token=%C3%28", b"a=%ED%A0%80"])
def test_bytes_that_are_not_utf_8_are_told_of(client: httpx.Client, page: str, body: bytes) -> None:
    answer = client.post(page, content=body, headers={"Content-Type": FORM})
    assert (answer.status_code, "UTF-8" in answer.text) == (400, True)


@pytest.mark.parametrize("page", PAGES)
def test_other_bodies_are_no_forms(client: httpx.Client, page: str) -> None:
    assert client.post(page, json={"token": "x"}).status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    assert client.post(page, files={"token": b"x"}).status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    assert client.post(page, content=b"token=x").status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("page", PAGES)
def test_a_form_is_bounded_in_bytes_and_fields(client: httpx.Client, page: str) -> None:
    headers = {"Content-Type": FORM}
    assert client.post(page, content=b"a=" + b"x" * LARGEST, headers=headers).status_code == 413
    assert client.post(page, content=b"a&" * 501, headers=headers).status_code == 400
    assert client.post(page, content=b"a&" * 400, headers=headers).status_code in (303, 401, 429)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_utf_8_is_read_however_it_is_spelled(client: httpx.Client, charset: str) -> None:
    headers = {"Content-Type": f"{FORM}; charset={charset}"}
    content = "language=en&back=/ops/sign-in&ñ=ü".encode()
    answer = client.post("/ops/language", content=content, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/sign-in")


def test_of_twilios_forms_the_signature_is_looked_at_first(client: httpx.Client, web: Web) -> None:
    for kind in (FORM, f"{FORM}; charset=punycode", "application/json"):
        headers = {"Content-Type": kind, "X-Twilio-Signature": "x"}
        answer = client.post(INCOMING, content=b"Body=%ff", headers=headers)
        assert answer.status_code == httpx.codes.FORBIDDEN
    headers = {"Content-Type": f"{FORM}; charset=punycode"} | signed(web, message())
    answer = client.post(INCOMING, data=message(), headers=headers)
    assert (answer.status_code, "utf-8" in answer.json()["details"]) == (415, True)
    headers = {"Content-Type": FORM} | signed(web, {"MessageSid": "SM9", "Body": "�"})
    answer = client.post(INCOMING, content=b"MessageSid=SM9&Body=%ff", headers=headers)
    assert (answer.status_code, answer.json()["details"]) == (400, "body: has bytes that are not UTF-8")
    headers = {"Content-Type": f"{FORM}; charset=UTF-8"} | signed(web, message(Body="¿cuánto? 😀"))
    assert (
        client.post(INCOMING, data=message(Body="¿cuánto? 😀"), headers=headers).status_code == httpx.codes.OK
    )
