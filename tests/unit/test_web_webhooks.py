"""Twilio's webhooks over fakes."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.twilio.webhooks import cleaned, is_signed, signed_url
from tests.support.gateway import NUMBER, TWILIO_TOKEN, FakePublisher, Fakes, gateway, message, signed
from web.bodies import parse_form, parse_form_leniently

INCOMING = "/webhook/twilio/incoming"
STATUS = "/webhook/twilio/status"
TWIML = '<?xml version="1.0" encoding="UTF-8"?>\n<Response></Response>'


async def test_a_signed_message_is_published_and_answered_with_empty_twiml() -> None:
    fakes = Fakes()
    params = message(Body="¿Cuál es el precio? \U0001f600", ProfileName="")
    async with gateway(fakes) as client:
        answer = await client.post(INCOMING, data=params, headers=signed(INCOMING, params))
        assert (answer.status, answer.content_type, await answer.text()) == (200, "text/xml", TWIML)
    [(topic, key, value, request_id)] = fakes.publisher.events
    event = json.loads(value)
    assert (topic, key) == ("inbound-message", NUMBER)
    assert (event["event_id"], event["params"], event["request_id"]) == ("SM1", params, request_id)


async def test_the_signature_covers_the_raw_query() -> None:
    path = f"{INCOMING}?a=%2B1&b="
    async with gateway(Fakes()) as client:
        from yarl import URL

        url = URL(path, encoded=True)
        assert (await client.post(url, data=message(), headers=signed(path, message()))).status == 200
        assert (await client.post(url, data=message(), headers=signed(INCOMING, message()))).status == 403


@pytest.mark.parametrize("signature", [None, "", "wrong", "L/OH5YylLD5NRKLltdqwSvS0BnU=", "ñ" * 28])
async def test_an_unsigned_request_is_403_and_nothing_happens(signature: str | None) -> None:
    fakes = Fakes()
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    async with gateway(fakes) as client:
        for path in (INCOMING, STATUS):
            many = {f"f{place}": "1" for place in range(600)}
            for body in ({"data": message()}, {"json": {}}, {"data": b"\xff\x00"}, {"data": many}):
                answer = await client.post(path, headers=headers, **body)  # type: ignore[arg-type]
                assert (answer.status, (await answer.json())["success"]) == (403, False)
    assert not fakes.publisher.events


async def test_while_the_auth_token_is_changed_the_signatures_of_both_are_taken() -> None:
    fakes = Fakes()
    async with gateway(fakes, twilio_auth_token_secondary="67890") as client:
        answers = [
            await client.post(INCOMING, data=message(), headers=signed(INCOMING, message(), token=token))
            for token in (TWILIO_TOKEN, "67890", "13579")
        ]
    assert [answer.status for answer in answers] == [200, 200, 403]
    assert len(fakes.publisher.events) == 2


async def test_without_an_auth_token_nobody_is_accepted() -> None:
    async with gateway(Fakes(), twilio_auth_token=None) as client:
        for token in ("", "None", TWILIO_TOKEN):
            headers = signed(INCOMING, message(), token=token)
            assert (await client.post(INCOMING, data=message(), headers=headers)).status == 403


async def test_another_account_is_403() -> None:
    params = message(AccountSid="AC" + "1" * 32)
    async with gateway(Fakes()) as client:
        assert (await client.post(INCOMING, data=params, headers=signed(INCOMING, params))).status == 403
    async with gateway(Fakes(), twilio_account_sid=None) as client:
        assert (await client.post(INCOMING, data=params, headers=signed(INCOMING, params))).status == 200


@pytest.mark.parametrize(("handling", "status"), [("refuse", 403), ("ignore", 200)])
async def test_a_message_to_another_sender_is_never_taken(handling: str, status: int) -> None:
    fakes = Fakes()
    params = message(To="whatsapp:+15550000000")
    async with gateway(fakes, twilio_other_senders=handling) as client:
        assert (await client.post(INCOMING, data=params, headers=signed(INCOMING, params))).status == status
        assert not fakes.publisher.events
        other = message(To="whatsapp:14155238886")  # ours, spelled otherwise
        assert (await client.post(INCOMING, data=other, headers=signed(INCOMING, other))).status == 200
    assert len(fakes.publisher.events) == 1


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({f"Extra{n}": "x" for n in range(300)}, "params"),
        ({"From": "whatsapp:14155238886"}, "From"),
        ({"MessageSid": "S" * 256}, "MessageSid"),
    ],
)
async def test_what_no_event_can_hold_is_400_and_names_it(odd: dict[str, str], field: str) -> None:
    fakes, params = Fakes(), message(**odd)
    async with gateway(fakes) as client:
        answer = await client.post(INCOMING, data=params, headers=signed(INCOMING, params))
        assert (answer.status, (await answer.json())["details"].partition(":")[0]) == (400, field)
    assert not fakes.publisher.events


async def test_a_signed_request_without_an_id_is_400() -> None:
    params = {name: value for name, value in message().items() if name != "MessageSid"}
    async with gateway(Fakes()) as client:
        answer = await client.post(INCOMING, data=params, headers=signed(INCOMING, params))
        assert (answer.status, (await answer.json())["details"]) == (400, "MessageSid: missing or too long")


@pytest.mark.parametrize(
    ("sender", "key"),
    [
        ("whatsapp:+5215512345678", "+525512345678"),
        ("whatsapp:US.1234", "US.1234"),
        ("whatsapp:nobody", "whatsapp:nobody"),
        ("", "unknown"),
        ("\x00", "unknown"),
    ],
)
async def test_events_are_keyed_by_the_conversation(sender: str, key: str) -> None:
    fakes = Fakes()
    params = message(From=sender)
    async with gateway(fakes) as client:
        assert (await client.post(INCOMING, data=params, headers=signed(INCOMING, params))).status == 200
    assert fakes.publisher.events[0][1] == key


async def test_a_report_carries_our_own_id() -> None:
    fakes = Fakes()
    own = str(uuid.uuid4())
    params = message(To=f"whatsapp:{NUMBER}", MessageStatus="delivered")
    async with gateway(fakes) as client:
        for mid, expected in ((own, own), ("not-one-of-ours", None)):
            path = f"{STATUS}?mid={mid}"
            assert (await client.post(path, data=params, headers=signed(path, params))).status == 200
            topic, key, value, _ = fakes.publisher.events[-1]
            event = json.loads(value)
            assert (topic, key) == ("message-status", NUMBER)
            assert (event["event_id"], event["own_id"]) == ("SM1:delivered", expected)


async def test_nothing_stored_is_503() -> None:
    async with gateway(Fakes(publisher=FakePublisher(away=True))) as client:
        answer = await client.post(INCOMING, data=message(), headers=signed(INCOMING, message()))
        assert (answer.status, (await answer.json())["success"]) == (503, False)


async def test_without_a_public_url_the_requests_own_is_signed() -> None:
    async with gateway(Fakes(), public_base_url=None) as client:
        own = f"http://{client.host}:{client.port}"
        assert (
            await client.post(INCOMING, data=message(), headers=signed(INCOMING, message(), own))
        ).status == 200
        proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "wa.example.com, inner"}
        headers = signed(INCOMING, message(), "https://wa.example.com") | proxied
        assert (await client.post(INCOMING, data=message(), headers=headers)).status == 200
        for host in ("h:99999", "h:abc", "[", "\xff"):
            headers = signed(INCOMING, message(), own) | {"X-Forwarded-Host": host}
            assert (await client.post(INCOMING, data=message(), headers=headers)).status == 403


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Forwarded": "for=1.2.3.4;proto=https;host=wa.example.com"}, "https://wa.example.com/x"),
        (
            {"Forwarded": 'For="[::1]" ; Host="wa.example.com:8443";PROTO=https, for=10.0.0.1;host=inner'},
            "https://wa.example.com:8443/x",
        ),
        (
            {
                "Forwarded": "host=other;proto=http",
                "X-Forwarded-Host": "wa.example.com",
                "X-Forwarded-Proto": "https",
            },
            "https://wa.example.com/x",
        ),
        ({"Forwarded": "proto=https"}, "https://inner/x"),
        ({"Forwarded": ";=;host=,"}, "http://inner/x"),
        ({}, "http://inner/x"),
    ],
)
def test_what_a_proxy_says_of_the_address(headers: dict[str, str], url: str) -> None:
    assert signed_url("/x", scheme="http", host="inner", headers=headers, public_base_url=None) == url


def test_user_and_password_are_no_part_of_what_is_signed() -> None:
    for base in ("https://me:hush@wa.example.com/", "https://me@wa.example.com"):
        url = signed_url("/x?a=@", scheme="http", host="inner", headers={}, public_base_url=base)
        assert url == "https://wa.example.com/x?a=@"


def test_twilios_published_vector() -> None:
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    url = signed_url(
        "/myapp.php?foo=1&bar=2",
        scheme="http",
        host="inner",
        headers={},
        public_base_url="https://example.com/",
    )
    assert is_signed("12345", url, params, "L/OH5YylLD5NRKLltdqwSvS0BnU=")
    assert not is_signed("12345", url, params | {"Digits": "1235"}, "L/OH5YylLD5NRKLltdqwSvS0BnU=")


def test_repetitions_and_blanks_are_part_of_the_signature() -> None:
    params = parse_form(b"A=1&A=2&B=")
    assert params.getall("A") == ["1", "2"]
    assert cleaned(params) == {"A": "2", "B": ""}


@given(st.binary(max_size=300))
def test_no_body_breaks_the_parser(body: bytes) -> None:
    cleaned(parse_form_leniently(body))


@given(st.text(max_size=300), st.text(max_size=100))
def test_no_url_or_signature_breaks_the_check(url: str, signature: str) -> None:
    assert not is_signed("12345", url, {"Body": url}, signature)
