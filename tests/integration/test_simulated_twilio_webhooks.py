"""What the simulated Twilio posts, judged by Twilio's own validator and by its documented rules."""

from collections.abc import Iterator

import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from local.process import free_port
from tests.support.simulators import ACCOUNT, CLIENT, NUMBER, SENDER, TOKEN, Row, Simulator, twilio_simulator
from tests.support.webhook_receiver import Call, Receiver, Reply, webhook_receiver


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with twilio_simulator() as simulator:
        yield simulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def twilio(running: Simulator, receiver: Receiver) -> Simulator:
    running.steer("reset", {})
    calm = {"callback_ms": 0, "callback_spread_ms": 0, "opt_out": "off", "window": False, "fallback_url": ""}
    running.steer("settings", {"webhook_url": receiver.url + "/in?a=1", "signed_url": ""} | calm)
    return running


@pytest.fixture
def client(twilio: Simulator) -> Client:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = twilio.url
    return client


def write(twilio: Simulator, **wanted: object) -> Row:
    row: Row = twilio.steer("inbound", {"from": NUMBER, "body": "hola"} | wanted)
    return row


def valid(call: Call, base: str) -> bool:
    return bool(
        RequestValidator(TOKEN).validate(base + call.path, call.params, call.headers["X-Twilio-Signature"])
    )


def send(client: Client, callback: str, body: str = "hola", **form: str) -> str:
    sent = client.messages.create(
        **{"to": CLIENT, "from_": SENDER, "body": body, "status_callback": callback} | form
    )
    return str(sent.sid)


def test_inbound_is_signed_and_whole(twilio: Simulator, receiver: Receiver) -> None:
    sent = write(twilio, body="Sí, ¿cuánto? 🙂", times=2)
    first, second = receiver.taken(2)
    assert sent["status"] == 200
    assert valid(first, receiver.url)
    assert first.params == second.params
    assert {first.params[name] for name in ("MessageSid", "SmsSid", "SmsMessageSid")} == {sent["sid"]}
    assert (first.params["From"], first.params["To"], first.params["WaId"]) == (
        CLIENT,
        SENDER,
        NUMBER.lstrip("+"),
    )
    assert first.params["Body"] == "Sí, ¿cuánto? 🙂"
    assert first.params["AccountSid"] == ACCOUNT


def test_signed_for_another_address(twilio: Simulator, receiver: Receiver, client: Client) -> None:
    twilio.steer("settings", {"signed_url": "https://wa.example.com/in?a=1"})
    write(twilio)
    assert valid(receiver.take(), "https://wa.example.com")
    send(client, receiver.url + "/status?mid=1")
    assert valid(receiver.take(), "https://wa.example.com")


KINDS: list[tuple[Row, Row]] = [
    (
        {"button": {"text": "Sí", "payload": "yes"}},
        {"Body": "Sí", "ButtonText": "Sí", "ButtonPayload": "yes"},
    ),
    (
        {"list": {"id": "p1", "title": "Plan oro"}},
        {"Body": "Plan oro", "ListId": "p1", "ListTitle": "Plan oro"},
    ),
    (
        {"location": {"latitude": 4.6, "longitude": -74.1, "label": "Casa"}},
        {"Latitude": "4.6", "Label": "Casa"},
    ),
    ({"quote": "SM1"}, {"OriginalRepliedMessageSid": "SM1", "Body": "hola"}),
    ({"reaction": {"emoji": "👍", "sid": "SM2"}}, {"Body": "👍", "OriginalRepliedMessageSid": "SM2"}),
    (
        {"contacts": [{"name": "Luz", "phone": "+57300"}]},
        {"MediaContentType0": "text/vcard", "NumMedia": "1"},
    ),
    ({"type": "unsupported", "body": ""}, {"MessageType": "unsupported", "Body": "", "NumMedia": "0"}),
    ({"type": "sticker", "media": [{"content_type": "image/webp", "text": "x"}]}, {"MessageType": "sticker"}),
    (
        {"media": [{"content_type": "audio/ogg", "text": "x"}], "body": ""},
        {"MessageType": "audio", "NumMedia": "1"},
    ),
    ({"from": "US.1234"}, {"From": "whatsapp:US.1234", "ExternalUserId": "whatsapp:US.1234"}),
    ({"external_user_id": "US.1"}, {"From": CLIENT, "ExternalUserId": "whatsapp:US.1"}),
    ({"forwarded": True}, {"Forwarded": "true"}),
    ({"extra": {"AccountSid": "AC0"}}, {"AccountSid": "AC0"}),
]


@pytest.mark.parametrize(("wanted", "shown"), KINDS)
def test_kinds_of_inbound(twilio: Simulator, receiver: Receiver, wanted: Row, shown: Row) -> None:
    write(twilio, **wanted)
    call = receiver.take()
    assert {name: call.params.get(name) for name in shown} == shown
    assert valid(call, receiver.url)


@pytest.mark.parametrize(
    ("shows", "shown"),
    [
        ("number", {"From": CLIENT, "ExternalUserId": None}),
        (
            "both",
            {"From": CLIENT, "ExternalUserId": "whatsapp:CO.77", "ParentExternalUserId": "whatsapp:CO.ENT.1"},
        ),
        ("id", {"From": "whatsapp:CO.77", "ExternalUserId": "whatsapp:CO.77", "WaId": None}),
    ],
)
def test_a_person_shows_a_number_an_id_or_both(
    twilio: Simulator, receiver: Receiver, shows: str, shown: Row
) -> None:
    number = CLIENT.removeprefix("whatsapp:")
    twilio.steer("people", {"number": number, "user_id": "CO.77", "parent_id": "CO.ENT.1", "shows": shows})
    write(twilio, **{"from": number})
    call = receiver.take()
    assert {name: call.params.get(name) for name in shown} == shown


def test_a_message_to_a_number_that_was_changed_reaches_nobody(
    twilio: Simulator, receiver: Receiver, client: Client
) -> None:
    number = CLIENT.removeprefix("whatsapp:")
    twilio.steer("people", {"number": "+573138539199", "user_id": "CO.78", "former": number})
    send(client, receiver.url + "/status")
    assert receiver.take().params["ErrorCode"] == "63003"


def test_by_default_only_a_failed_connection_is_repeated(
    twilio: Simulator, receiver: Receiver, client: Client
) -> None:
    receiver.replies = [Reply(status=500)]
    assert write(twilio)["status"] == 500
    twilio.steer("settings", {"webhook_url": f"http://127.0.0.1:{free_port()}/in"})
    lost = write(twilio)
    assert lost["status"] == 0
    assert [(row["code"], row["tries"]) for row in twilio.read("debugger")] == [(11200, 1), (11205, 2)]
    # What no webhook took is still in the list: that is where it can be fetched from.
    assert client.messages.list(to=SENDER, limit=1)[0].sid == lost["sid"]


def test_retries_of_the_fragment(twilio: Simulator, receiver: Receiver) -> None:
    twilio.steer("settings", {"webhook_url": f"{receiver.url}/in#rc=2&rp=5xx,rt&rt=100"})
    receiver.replies = [Reply(status=503), Reply(wait=5)]
    assert write(twilio)["status"] == 200
    calls = receiver.taken(3)
    assert {call.path for call in calls} == {"/in"}
    assert len({call.headers["I-Twilio-Idempotency-Token"] for call in calls}) == 1
    assert all(valid(call, receiver.url) for call in calls)
    receiver.replies = [Reply(status=404)]
    assert write(twilio)["status"] == 404


def test_fallback(twilio: Simulator, receiver: Receiver) -> None:
    twilio.steer("settings", {"fallback_url": receiver.url + "/fallback"})
    receiver.replies = [Reply(status=500)]
    sent = write(twilio)
    first, second = receiver.taken(2)
    assert (first.path, second.path) == ("/in?a=1", "/fallback")
    assert (second.params["ErrorCode"], second.params["MessageSid"]) == ("11200", sent["sid"])
    assert second.params["ErrorUrl"] == receiver.url + "/in?a=1"
    assert valid(second, receiver.url)


@pytest.mark.parametrize(
    ("reply", "sent", "problem"),
    [
        (
            Reply(body="<Response><Message>Uno</Message><Message><Body>Dos</Body></Message></Response>"),
            ["Uno", "Dos"],
            None,
        ),
        (Reply(body="<Response/>"), [], None),
        (Reply(body="<Response>" + "<Message>x</Message>" * 11 + "</Response>"), ["x"] * 10, 14109),
        (Reply(body="<Response><Message></Message></Response>"), [], 14103),
        (Reply(body="<Response>"), [], 12100),
        (Reply(content_type="application/json", body="{}"), [], 12300),
        (Reply(content_type="text/plain", body="OK"), ["OK"], None),
        (Reply(status=204, body=""), [], None),
    ],
)
def test_twiml(
    twilio: Simulator, receiver: Receiver, reply: Reply, sent: list[str], problem: int | None
) -> None:
    receiver.replies = [reply]
    write(twilio)
    assert [row["body"] for row in twilio.read() if row["direction"] == "outbound-reply"] == sent
    assert [row["code"] for row in twilio.read("debugger")] == ([problem] if problem else [])


def test_status_callbacks(twilio: Simulator, receiver: Receiver, client: Client) -> None:
    sid = send(client, receiver.url + "/status?mid=own")
    calls = receiver.taken(3)
    assert [call.params["MessageStatus"] for call in calls] == ["sent", "delivered", "read"]
    assert {call.params["MessageSid"] for call in calls} == {sid}
    assert calls[2].params["EventType"] == "READ"
    assert all(valid(call, receiver.url) and call.path == "/status?mid=own" for call in calls)
    shown = client.messages(sid).fetch()
    assert (shown.status, shown.date_sent is None) == ("read", False)


def test_callbacks_go_wrong(twilio: Simulator, receiver: Receiver, client: Client) -> None:
    twilio.fault("callback-early")
    sid = send(client, receiver.url + "/early")
    early = receiver.calls.get_nowait()  # it came before the create's answer
    assert (early.params["MessageSid"], early.params["MessageStatus"]) == (sid, "sent")
    receiver.taken(2)
    twilio.fault("callback-drop")
    send(client, receiver.url + "/dropped")
    assert [call.params["MessageStatus"] for call in receiver.taken(2)] == ["delivered", "read"]
    twilio.fault("callback-duplicate")
    send(client, receiver.url + "/twice")
    assert [call.params["MessageStatus"] for call in receiver.taken(4)] == [
        "sent",
        "sent",
        "delivered",
        "read",
    ]
    twilio.fault("callback-reorder")
    send(client, receiver.url + "/mixed")
    assert {call.params["MessageStatus"] for call in receiver.taken(3)} == {"sent", "delivered", "read"}


def test_window(twilio: Simulator, receiver: Receiver, client: Client) -> None:
    twilio.steer("settings", {"window": True})
    sid = send(client, receiver.url + "/status")
    sent, failed = receiver.taken(2)
    assert (sent.params["MessageStatus"], failed.params["MessageStatus"]) == ("sent", "undelivered")
    assert (failed.params["ErrorCode"], "ChannelStatusMessage" in failed.params) == ("63016", True)
    assert client.messages(sid).fetch().error_code == 63016
    send(client, receiver.url + "/template", content_sid="HX" + "0" * 32)
    assert [call.params["MessageStatus"] for call in receiver.taken(3)] == ["sent", "delivered", "read"]
    write(twilio)
    receiver.take()
    send(client, receiver.url + "/inside")
    assert receiver.taken(3)[2].params["MessageStatus"] == "read"
    twilio.steer("window", {"number": NUMBER, "hours_ago": 24.01})
    send(client, receiver.url + "/later")
    assert receiver.taken(2)[1].params["ErrorCode"] == "63016"


@pytest.mark.parametrize(("code", "status"), [(63003, "failed"), (63015, "failed"), (63024, "undelivered")])
def test_numbers_that_fail(
    twilio: Simulator, receiver: Receiver, client: Client, code: int, status: str
) -> None:
    twilio.steer("numbers", {"number": NUMBER, "error_code": code, "count": 1})
    send(client, receiver.url + "/status")
    call = receiver.take()
    call = receiver.take() if call.params["MessageStatus"] == "sent" else call
    assert (call.params["MessageStatus"], call.params["ErrorCode"]) == (status, str(code))
    send(client, receiver.url + "/status")
    assert receiver.taken(3)[2].params["MessageStatus"] == "read"


@pytest.mark.parametrize(
    ("variables", "template", "code"),
    [('{"1": "Ana"}', {}, "63028"), ('{"1": "Ana", "2": "x"}', {"status": "paused"}, "63041")],
)
def test_templates_that_fail_later(
    twilio: Simulator, receiver: Receiver, client: Client, variables: str, template: Row, code: str
) -> None:
    hx = "HX" + "c" * 32
    twilio.steer("templates", {"sid": hx, "body": "Hola {{1}}, {{2}}"} | template)
    send(client, receiver.url + "/status", content_sid=hx, content_variables=variables)
    assert receiver.take().params["ErrorCode"] == code


@pytest.mark.parametrize("when", ["sync", "async"])
def test_opt_out(twilio: Simulator, receiver: Receiver, client: Client, when: str) -> None:
    twilio.steer("settings", {"opt_out": when})
    write(twilio, body=" stop ")
    assert receiver.take().params["OptOutType"] == "STOP"
    assert [row["direction"] for row in twilio.read()] == ["inbound", "outbound-reply"]
    if when == "async":
        send(client, receiver.url + "/status")
        assert receiver.taken(2)[1].params["ErrorCode"] == "21610"
    else:
        with pytest.raises(Exception, match="unsubscribed"):
            send(client, receiver.url + "/status")
    write(twilio, body="START")
    assert receiver.take().params["OptOutType"] == "START"
    send(client, receiver.url + "/status")
    assert receiver.take().params["MessageStatus"] == "sent"


def test_the_queue_drains_and_fills(twilio: Simulator, receiver: Receiver, client: Client) -> None:
    twilio.steer("settings", {"mps": 0.01, "queue_seconds": 150})
    try:
        for _ in range(2):
            send(client, receiver.url + "/status")
        with pytest.raises(Exception, match="queued messages"):  # it would wait for 200 s
            send(client, receiver.url + "/status")
        receiver.taken(3)
        assert [row["status"] for row in twilio.read()] == ["read", "queued"]
    finally:
        twilio.steer("settings", {"mps": 80, "queue_seconds": 14400})


def test_another_accounts_webhook(twilio: Simulator, receiver: Receiver) -> None:
    other, sender = "AC" + "3" * 32, "whatsapp:+15550000003"
    twilio.steer(
        "accounts", {"sid": other, "token": "t3", "senders": [sender], "webhook_url": receiver.url + "/other"}
    )
    write(twilio, account=other)
    call = receiver.take()
    assert (call.params["AccountSid"], call.params["To"]) == (other, sender)
    assert not valid(call, receiver.url)
    assert RequestValidator("t3").validate(
        receiver.url + call.path, call.params, call.headers["X-Twilio-Signature"]
    )
