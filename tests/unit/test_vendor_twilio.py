"""Which failed sends had no effect, which are unknown, which are final; and what is found in the list."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from clients.http import CREDENTIALS_PAUSE_SECONDS, LARGEST_ANSWER_BYTES, at_any_time, open_session
from clients.messenger import OutgoingMessage
from clients.twilio.messages import callback_url, form_of
from clients.twilio.messenger import TwilioMessenger
from schemas.errors import (
    AccountRefused,
    NumberBusy,
    RetryableError,
    TerminalError,
    UnknownOutcome,
    VendorError,
    Withheld,
)
from schemas.settings import load_settings
from tests.support.vendor_servers import Json, raw_served, served

TO, FROM = "whatsapp:+573138539155", "whatsapp:+14155238886"
MESSAGE = OutgoingMessage(own_id="own-1", to=TO, body="¡Hola!")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHORT = aiohttp.ClientTimeout(total=60.0, sock_connect=1.0, sock_read=0.2)
# A machine that is busy is no time-out.
PATIENT = aiohttp.ClientTimeout(total=60.0)
CREATED = b'{"sid": "SM1", "status": "queued", "body": "hola"}'
CREATED_RESPONSE = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    % (
        len(CREATED),
        CREATED,
    )
)


@asynccontextmanager
async def sender(
    url: str, timeout: aiohttp.ClientTimeout = PATIENT, **over: object
) -> AsyncIterator[TwilioMessenger]:
    settings = load_settings(
        {}, twilio_api_base_url=url, twilio_account_sid="AC1", twilio_auth_token="t", **over
    )
    async with open_session(timeout, 10) as session:
        yield TwilioMessenger(settings, session)


def answering(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers)

    return handle


async def test_what_may_not_leave_any_more_leaves_no_byte_at_twilio() -> None:
    """The first waits for its connection, the second finds it; asked is after that."""
    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(True)
        return len(asked) == 2

    async with raw_served([CREATED_RESPONSE, CREATED_RESPONSE]) as (url, requests), sender(url) as twilio:
        for sent in (0, 1, 1):
            if sent > len(requests):
                assert (await twilio.send(MESSAGE, may_leave)).sid == "SM1"
            else:
                with pytest.raises(Withheld):
                    await twilio.send(MESSAGE, may_leave)
            assert len(requests) == sent
    assert len(asked) == 3


async def test_send_gives_what_twilio_took() -> None:
    seen: list[dict[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append({name: str(value) for name, value in (await request.post()).items()})
        assert request.path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert request.headers["Authorization"] == aiohttp.encode_basic_auth("AC1", "t")
        return web.json_response({"sid": "SM1", "status": "queued", "body": "¡Hola!"}, status=201)

    async with served(handle) as url, sender(url, public_base_url="https://wa.example.com/") as twilio:
        accepted = await twilio.send(MESSAGE, at_any_time)
    assert (accepted.sid, accepted.status, accepted.body) == ("SM1", "queued", "¡Hola!")
    callback = "https://wa.example.com/webhook/twilio/status?mid=own-1"
    assert seen == [{"To": TO, "From": FROM, "StatusCallback": callback, "Body": "¡Hola!"}]


REFUSALS: list[tuple[int, object, type[VendorError], object]] = [
    (429, {"code": 20429, "message": "Too many"}, RetryableError, 20429),
    (429, "", RetryableError, 429),
    (400, {"code": 21611, "message": "Queue full"}, RetryableError, 21611),
    (429, {"code": 63018, "message": "Rate limit exceeded for Channel"}, NumberBusy, 63018),
    (401, {"code": 20003, "message": "Authenticate"}, AccountRefused, 20003),
    (403, "<html>", AccountRefused, 403),
    (400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient"}, TerminalError, 21610),
    (400, {"code": 63007, "message": "No channel"}, AccountRefused, 63007),
    (400, "[]", TerminalError, 400),
    (500, {"code": 20500, "message": "Internal"}, UnknownOutcome, 20500),
    (503, {"code": 20429, "message": "?"}, UnknownOutcome, 20429),
    (502, "<html>", UnknownOutcome, 502),
    (201, "not json", UnknownOutcome, 201),
    (201, {"status": "queued"}, UnknownOutcome, 201),
    (408, "", UnknownOutcome, 408),
]


@pytest.mark.parametrize(("status", "body", "error", "code"), REFUSALS)
async def test_refusals(status: int, body: object, error: type[VendorError], code: object) -> None:
    async with served(answering(status, body)) as url, sender(url) as twilio:
        with pytest.raises(VendorError) as caught:
            await twilio.send(MESSAGE, at_any_time)
    assert (type(caught.value), caught.value.code) == (error, code)


async def test_terminal_error_has_twilios_words() -> None:
    body = {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}
    async with served(answering(400, body)) as url, sender(url) as twilio:
        with pytest.raises(TerminalError) as caught:
            await twilio.send(MESSAGE, at_any_time)
    assert caught.value.why == "Attempt to send to unsubscribed recipient"


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "2.5", 2.5),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        (429, "²", None),
        (429, "inf", None),
        (401, "1", CREDENTIALS_PAUSE_SECONDS),
    ],
)
async def test_how_long_to_wait(status: int, header: str, wait: float | None) -> None:
    async with served(answering(status, {}, {"Retry-After": header})) as url, sender(url) as twilio:
        with pytest.raises(RetryableError) as caught:
            await twilio.send(MESSAGE, at_any_time)
    assert caught.value.retry_after == wait


async def test_no_connection_is_without_effect() -> None:
    async with raw_served([]) as (url, _):
        pass  # nobody listens there any more
    async with sender(url) as twilio:
        with pytest.raises(RetryableError, match="no connection"):
            await twilio.send(MESSAGE, at_any_time)


async def test_silence_is_unknown() -> None:
    let_go = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await let_go.wait()
        return web.Response()

    async with served(hang) as url, sender(url, SHORT) as twilio:
        with pytest.raises(UnknownOutcome, match="SocketTimeoutError"):
            await twilio.send(MESSAGE, at_any_time)
        let_go.set()


async def test_post_is_never_repeated_on_a_reused_connection() -> None:
    async with (
        raw_served([CREATED_RESPONSE, None, CREATED_RESPONSE]) as (url, requests),
        sender(url) as twilio,
    ):
        assert (await twilio.send(MESSAGE, at_any_time)).sid == "SM1"
        with pytest.raises(UnknownOutcome):
            await twilio.send(MESSAGE, at_any_time)
        assert len(requests) == 2


async def test_post_is_never_repeated_by_a_redirect() -> None:
    answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with raw_served([answer, CREATED_RESPONSE]) as (url, requests), sender(url) as twilio:
        with pytest.raises(UnknownOutcome):
            await twilio.send(MESSAGE, at_any_time)
        assert len(requests) == 1


async def test_cut_answer_is_unknown() -> None:
    cut = CREATED_RESPONSE.replace(b"Content-Length: ", b"Connection: close\r\nContent-Length: 9")
    async with raw_served([cut]) as (url, _), sender(url) as twilio:
        with pytest.raises(UnknownOutcome):
            await twilio.send(MESSAGE, at_any_time)


def test_template_is_sent_without_body() -> None:
    message = OutgoingMessage(own_id="o", to=TO, body="x", template_id="HX1", template_variables={"1": "Ána"})
    assert form_of(message, FROM, None) == {
        "To": TO,
        "From": FROM,
        "ContentSid": "HX1",
        "ContentVariables": '{"1": "Ána"}',
    }


def test_media_goes_with_its_text() -> None:
    message = OutgoingMessage(own_id="o", to=TO, body="mira", media_url="https://e.co/a.png")
    assert form_of(message, FROM, None) == {
        "To": TO,
        "From": FROM,
        "Body": "mira",
        "MediaUrl": "https://e.co/a.png",
    }


def test_half_characters_do_not_break_the_form() -> None:
    message = OutgoingMessage(own_id="o", to=TO, body="a\ud83d\x00b")
    assert form_of(message, FROM, None)["Body"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("over", "base"),
    [
        ({"public_base_url": "https://wa.example.com"}, "https://wa.example.com"),
        ({"twilio_api_base_url": "http://127.0.0.1:9", "port": 3001}, "http://127.0.0.1:3001"),
        ({}, None),
    ],
)
def test_callback_url(over: dict[str, object], base: str | None) -> None:
    assert callback_url(load_settings({}, **over)) == (base and f"{base}/webhook/twilio/status?mid=")


def listed(sid: str, *, body: str | None = "¡Hola!", age: int = 0, **over: object) -> Json:
    date = format_datetime(NOW - timedelta(seconds=age))
    return {
        "sid": sid,
        "status": "sent",
        "to": TO,
        "from": FROM,
        "body": body,
        "direction": "outbound-api",
        "date_created": date,
        "error_code": None,
    } | over


async def test_find_sent_matches_sender_receiver_text_and_time() -> None:
    messages = [
        listed("SMspaced", body=" ¡Hola! \n"),
        listed("SMright", error_code=63016, status="undelivered"),
        listed("SMknown"),
        listed("SMtext", body="Hola"),
        listed("SMempty", body=None),
        listed("SMinbound", direction="inbound"),
        listed("SMto", to="whatsapp:+573000000000"),
        listed("SMfrom") | {"from": "whatsapp:+15550000000"},
        listed("SMold", age=61),
    ]
    async with (
        served(answering(200, {"messages": messages, "next_page_uri": None})) as url,
        sender(url) as twilio,
    ):
        found = await twilio.find_sent(TO, "¡Hola!", NOW - timedelta(seconds=60), {"SMknown"})
    assert [(one.sid, one.status, one.error_code) for one in found] == [
        ("SMspaced", "sent", None),
        ("SMright", "undelivered", "63016"),
    ]
    assert found[0].created == NOW


async def test_find_sent_knows_both_spellings_of_a_number() -> None:
    messages = [listed("SM1", to="whatsapp:+525512345678")]
    async with served(answering(200, {"messages": messages})) as url, sender(url) as twilio:
        assert await twilio.find_sent("whatsapp:+5215512345678", "¡Hola!", NOW, set())


async def test_find_sent_takes_any_text_of_a_template() -> None:
    messages = [listed("SM1", body="Hola Ana, gracias por tu tiempo")]
    async with served(answering(200, {"messages": messages})) as url, sender(url) as twilio:
        assert await twilio.find_sent(TO, None, NOW, set())


async def test_find_sent_reads_older_pages_while_they_are_young_enough() -> None:
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(str(request.rel_url))
        page = int(request.query.get("Page", "0"))
        following = (
            f"/2010-04-01/Accounts/AC1/Messages.json?To=whatsapp%3A%2B57313&Page={page + 1}&PageToken=PAx"
        )
        messages = [listed(f"SM{page}", age=page * 40)]
        return web.json_response({"messages": messages, "next_page_uri": following})

    async with served(handle) as url, sender(url) as twilio:
        found = await twilio.find_sent(TO, "¡Hola!", NOW - timedelta(seconds=60), set())
    assert [one.sid for one in found] == ["SM0", "SM1"]
    assert len(asked) == 3
    assert "DateSent" not in asked[0]
    assert asked[1].endswith("?To=whatsapp%3A%2B57313&Page=1&PageToken=PAx")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {}),
        (503, "<html>"),
        (429, {}),
        (401, {"code": 20003}),
        (200, "<html>"),
        (200, {}),
        (200, {"messages": 5}),
        (200, {"messages": [5]}),
        (200, {"messages": [{"sid": "SM1"}]}),
        (200, {"messages": [listed("SM1", date_created="yesterday")]}),
    ],
)
async def test_unreadable_list_is_retryable(status: int, body: object) -> None:
    async with served(answering(status, body)) as url, sender(url) as twilio:
        with pytest.raises(RetryableError):
            await twilio.find_sent(TO, "¡Hola!", NOW, set())


async def test_a_list_says_as_of_when_it_is() -> None:
    headers = {"Date": format_datetime(NOW, usegmt=True)}
    async with served(answering(200, {"messages": [listed("SM1")]}, headers)) as url, sender(url) as twilio:
        listing = await twilio.sent_since(NOW)
    assert ([each.sid for each in listing.messages], listing.as_of) == (["SM1"], NOW)


async def test_a_probe_tells_the_status() -> None:
    async with (
        served(answering(401, {"code": 20003, "message": "Authenticate"})) as url,
        sender(url) as twilio,
    ):
        assert await twilio.api.probe(PATIENT) == 401


async def test_an_answer_is_read_up_to_a_bound() -> None:
    async with served(answering(200, "x" * (LARGEST_ANSWER_BYTES + 1))) as url, sender(url) as twilio:
        with pytest.raises(RetryableError, match="TooLarge"):
            await twilio.find_sent(TO, "¡Hola!", NOW, set())
