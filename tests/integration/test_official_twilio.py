"""The official `twilio` package, only its base URL changed, against a simulated Twilio process."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support import http
from tests.support.simulators import ACCOUNT, CLIENT, NUMBER, SENDER, TOKEN, Simulator, twilio_simulator

HX = "HX" + "a" * 32
_WRITTEN = 7


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with twilio_simulator() as simulator:
        yield simulator


@pytest.fixture
def twilio(running: Simulator) -> Simulator:
    running.steer("reset", {})
    running.steer("settings", {"callback_ms": 0, "callback_spread_ms": 0})
    return running


@pytest.fixture
def client(twilio: Simulator) -> Client:
    return official(twilio)


def official(twilio: Simulator, user: str = ACCOUNT, password: str = TOKEN, account: str = ACCOUNT) -> Client:
    client = Client(user, password, account)
    for product in (client.api, client.messaging, client.content):
        product.base_url = twilio.url
    return client


def received(twilio: Simulator, count: int = 1, **wanted: object) -> list[str]:
    """A client writes some messages that no webhook is told of; return their ids."""
    return [
        twilio.steer("inbound", {"from": NUMBER, "body": f"hola {n}", "times": 0, **wanted})["sid"]
        for n in range(count)
    ]


def test_create_fetch_and_account(client: Client, twilio: Simulator) -> None:
    sent = client.messages.create(
        to=CLIENT,
        from_=SENDER,
        body="¡Hola!",
        media_url=["https://e.com/1.png", "https://e.com/2.png"],
        status_callback="http://127.0.0.1:9/status?mid=own-1",
    )
    assert (sent.status, sent.direction, sent.num_media, sent.error_code) == (
        "queued",
        "outbound-api",
        "2",
        None,
    )
    assert abs(datetime.now(UTC) - sent.date_created.replace(tzinfo=UTC)) < timedelta(minutes=1)
    fetched = client.messages(sent.sid).fetch()
    assert (fetched.body, fetched.to, fetched.from_) == ("¡Hola!", CLIENT, SENDER)
    assert client.api.accounts(ACCOUNT).fetch().status == "active"
    (row,) = twilio.read()
    assert (row["sid"], row["own_id"]) == (sent.sid, "own-1")
    assert row["media"] == ["https://e.com/1.png", "https://e.com/2.png"]


async def test_the_async_client(twilio: Simulator) -> None:
    async with AsyncTwilioHttpClient() as http:
        client = Client(ACCOUNT, TOKEN, http_client=http)
        client.api.base_url = twilio.url
        sent = await client.messages.create_async(to=CLIENT, from_=SENDER, body="hola")
        assert (await client.messages(sent.sid).fetch_async()).body == "hola"
        listed = [message.sid async for message in await client.messages.stream_async(to=CLIENT)]
    assert listed == [sent.sid]


def test_list_pages_newest_first(client: Client, twilio: Simulator) -> None:
    sids = received(twilio, _WRITTEN)
    assert [one.sid for one in client.messages.list(to=SENDER, page_size=3)] == sids[::-1]
    assert [one.sid for one in client.messages.stream(from_=CLIENT, page_size=2, limit=4)] == sids[:-5:-1]
    assert client.messages.list(from_="whatsapp:+573000000000") == []
    first = client.messages.page(page_size=3)
    newer = received(twilio)
    assert first.next_page_url
    following = [one.sid for one in first.next_page()]
    assert following == sids[3:0:-1]  # a newer message does not shift the pages
    assert client.messages.list(limit=1)[0].sid == newer[0]


def test_list_by_date_sent(client: Client, twilio: Simulator) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    old, young = received(twilio, seconds_ago=3 * 86400)[0], received(twilio, seconds_ago=60)[0]

    def listed(**filters: object) -> list[str]:
        return [one.sid for one in client.messages.list(to=SENDER, **filters)]

    day = (now - timedelta(days=3)).date()
    assert listed(date_sent=day) == listed(date_sent=day.isoformat()) == [old]
    assert listed(date_sent_after=day) == listed(date_sent_after=day.isoformat()) == [young, old]
    assert listed(date_sent_before=day.isoformat()) == [old]
    assert listed(date_sent_before=day) == []  # the library makes midnight of a date
    assert listed(date_sent_after=now - timedelta(hours=1)) == [young]
    assert listed(date_sent_before=now - timedelta(hours=1)) == [old]
    assert listed(date_sent_after=now - timedelta(days=4), date_sent_before=now - timedelta(hours=1)) == [old]
    assert listed(date_sent_after=now + timedelta(minutes=5)) == []


def test_a_queued_message_has_no_date_sent(client: Client, twilio: Simulator) -> None:
    twilio.steer("settings", {"callback_ms": 60_000})
    sent = client.messages.create(to=CLIENT, from_=SENDER, body="hola")
    assert sent.date_sent is None
    assert [one.sid for one in client.messages.list(to=CLIENT)] == [sent.sid]
    assert client.messages.list(to=CLIENT, date_sent_after=datetime.now(UTC).date()) == []


def test_the_list_lags(client: Client, twilio: Simulator) -> None:
    twilio.steer("settings", {"list_lag_seconds": 3600})
    sent = client.messages.create(to=CLIENT, from_=SENDER, body="hola")
    assert client.messages.list() == []
    assert client.messages(sent.sid).fetch().sid == sent.sid
    twilio.steer("settings", {"list_lag_seconds": 0})
    assert len(client.messages.list()) == 1


def test_redact_cancel_and_delete(client: Client, twilio: Simulator) -> None:
    (sid,) = received(twilio)
    assert client.messages(sid).update(body="").body == ""
    twilio.steer("settings", {"callback_ms": 60_000})
    waiting = client.messages.create(to=CLIENT, from_=SENDER, body="hola")
    refused(409, 20009, client.messages(waiting.sid).delete)
    assert client.messages(waiting.sid).update(status="canceled").status == "canceled"
    assert client.messages(sid).delete()
    refused(404, 20404, client.messages(sid).fetch)
    assert sid not in [one.sid for one in client.messages.list()]


def test_media(client: Client, twilio: Simulator) -> None:
    photo = {"content_type": "image/jpeg", "text": "bytes of a photo"}
    (sid,) = received(twilio, media=[photo, {"content_type": "application/pdf", "text": "%PDF"}])
    listed = client.messages(sid).media.list()
    assert [one.content_type for one in listed] == ["image/jpeg", "application/pdf"]
    assert client.messages(sid).media(listed[0].sid).fetch().parent_sid == sid
    url = twilio.url + listed[0].uri.removesuffix(".json")
    assert http.get(url).status_code == httpx.codes.UNAUTHORIZED
    assert http.get(url, auth=(ACCOUNT, TOKEN)).content == b"bytes of a photo"
    twilio.steer("settings", {"media_redirect": True})
    assert http.get(url, auth=(ACCOUNT, TOKEN)).status_code == httpx.codes.TEMPORARY_REDIRECT
    assert http.get(url, auth=(ACCOUNT, TOKEN), follow_redirects=True).content == b"bytes of a photo"
    twilio.steer("settings", {"media_redirect": False})


def refused(
    status: int, code: int, call: object, *arguments: object, **options: object
) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as caught:
        call(*arguments, **options)  # type: ignore[operator]
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


@pytest.mark.parametrize(
    ("code", "form"),
    [
        (21211, {"to": "+573138539155"}),
        (21211, {"to": "whatsapp:abc"}),
        (21910, {"from_": "+14155238886"}),
        (63007, {"from_": "whatsapp:+15550000000"}),
        (21602, {"body": ""}),
        (21617, {"body": "x" * 1601}),
        (21617, {"body": "😀" * 801}),
        (21654, {"content_variables": '{"1": "Ana"}'}),
    ],
)
def test_refused_creates(client: Client, twilio: Simulator, code: int, form: dict[str, str]) -> None:
    refused(400, code, client.messages.create, **{"to": CLIENT, "from_": SENDER, "body": "hola"} | form)
    assert twilio.read() == []


def test_templates(client: Client, twilio: Simulator) -> None:
    twilio.steer("templates", {"sid": HX, "body": "Hola {{1}}, soy {{2}}."})

    def create(variables: str, sid: str = HX) -> object:
        return client.messages.create(to=CLIENT, from_=SENDER, content_sid=sid, content_variables=variables)

    sent = create('{"1": "Ana", "2": "Luz"}')
    assert sent.body == "Hola Ana, soy Luz."  # type: ignore[attr-defined]
    refused(400, 21655, create, "{}", "HX" + "b" * 32)
    values = "null", '""', '"Ana\\n"', '"Ana\\tLuz"', '"Ana     Luz"'
    for bad in ("no json", '["Ana"]', *(f'{{"1": {value}, "2": "Luz"}}' for value in values)):
        refused(400, 21656, create, bad)
    assert client.content.v1.contents(HX).fetch().variables == {"1": "", "2": ""}
    assert client.content.v1.contents(HX).approval_fetch().fetch().whatsapp["status"] == "approved"


def test_credentials(twilio: Simulator) -> None:
    refused(401, 20003, official(twilio, password="wrong").messages("SM1").fetch)
    twilio.steer("accounts", {"sid": ACCOUNT, "keys": {"SK1": "secret"}})
    assert official(twilio, "SK1", "secret").messages.list() == []
    refused(401, 20003, official(twilio, account="AC" + "9" * 32).messages("SM1").fetch)


def test_a_second_account_sees_its_own(client: Client, twilio: Simulator) -> None:
    other, sender = "AC" + "2" * 32, "whatsapp:+15550000002"
    twilio.steer("accounts", {"sid": other, "token": "t2", "senders": [sender]})
    theirs = official(twilio, other, "t2", other)
    sent = theirs.messages.create(to=CLIENT, from_=sender, body="hola")
    assert [one.sid for one in theirs.messages.list()] == [sent.sid]
    assert client.messages.list() == []
    refused(404, 20404, client.messages(sent.sid).fetch)


def test_too_many_requests(client: Client, twilio: Simulator) -> None:
    twilio.fault("429", retry_after=2)
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=CLIENT, from_=SENDER, body="hola")
    assert (caught.value.status, caught.value.code) == (429, 20429)
    assert client.http_client._test_only_last_response.headers["Retry-After"] == "2"
    assert twilio.read() == []
    twilio.fault("list-429")
    with pytest.raises(TwilioException) as failed:  # lists raise the plain class
        client.messages.list()
    assert failed.value.args[1].status_code == 429
    assert "Retry-After" not in failed.value.args[1].headers


async def test_concurrency(twilio: Simulator) -> None:
    twilio.steer("settings", {"max_concurrent": 2, "latency_ms": 200})
    url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    form = {"To": CLIENT, "From": SENDER, "Body": "hola"}
    async with httpx.AsyncClient(auth=(ACCOUNT, TOKEN)) as http:
        answers = await asyncio.gather(*(http.post(url, data=form) for _ in range(6)))
    twilio.steer("settings", {"max_concurrent": 0, "latency_ms": 0})
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 429]
    assert set(refused) == {20429}
    assert len(twilio.read()) == len(answers) - len(refused)  # what was refused was not processed


def test_errors_of_the_server(client: Client, twilio: Simulator) -> None:
    for fault, kept in (("reject-500", 0), ("reject-503", 0), ("accept-500", 1), ("accept-503", 2)):
        twilio.fault(fault)
        with pytest.raises(TwilioRestException) as caught:
            client.messages.create(to=CLIENT, from_=SENDER, body="hola")
        assert caught.value.code in (20500, 20503)
        assert len(twilio.read()) == kept, fault


def test_typing_indicator(client: Client, twilio: Simulator) -> None:
    (sid,) = received(twilio)
    assert client.messaging.v2.typing_indicator.create(channel="whatsapp", message_id=sid).success
    assert [row["sid"] for row in twilio.read("indicators")] == [sid]
    refused(400, 20001, client.messaging.v2.typing_indicator.create, channel="whatsapp", message_id="SM0")


def test_response_headers(twilio: Simulator) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageSize=1&DateSent%3E=never"
    answer = http.get(url, auth=(ACCOUNT, TOKEN))
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")
    assert answer.headers["Twilio-Concurrent-Requests"] == "1"
    assert json.loads(answer.text)["code"] == 20001
