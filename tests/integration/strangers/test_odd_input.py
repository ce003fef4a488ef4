"""Input that is merely wrong gets a 400 that names the field, and disturbs nobody else."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.support import http
from tests.support.gateway import AUTH, NUMBER, TOKEN, TWILIO_TOKEN, call, message
from tests.support.web_process import Web, running_web

SECRET = "wsec_" + "1" * 32
SENDER = "+14155238886"
CONVERSATION = f"/api/conversations/{NUMBER}"
DIGITS = "9" * 5000
_LIVE_SECONDS = 20


@pytest.fixture(scope="module")
def odd(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    log = tmp_path_factory.mktemp("odd") / "web.log"
    with running_web(database, log, ELEVENLABS_WEBHOOK_SECRET=SECRET) as running:
        yield running


@pytest.fixture
def api(odd: Web) -> Iterator[httpx.Client]:
    """The backend's client."""
    with httpx.Client(base_url=odd.url, headers=AUTH, timeout=30) as client:
        yield client


@pytest.fixture
def console(odd: Web) -> Iterator[httpx.Client]:
    """An operator's browser."""
    with httpx.Client(base_url=odd.url, headers={"Accept": "text/html", "Accept-Language": "en"}) as client:
        assert client.post("/ops/sign-in", data={"token": TOKEN}).status_code == httpx.codes.SEE_OTHER
        yield client


@pytest.mark.parametrize(
    "limit", ["000500999999", DIGITS, "0", "-1", "+1", "1.0", "1e3", "%D9%A3", "", "%00"]
)
def test_an_odd_limit_is_400_wherever_there_is_one(api: httpx.Client, limit: str) -> None:
    for path in (CONVERSATION, "/api/dead-letters"):
        answer = api.get(f"{path}?limit={limit}")
        assert (answer.status_code, answer.json()["details"].partition(":")[0]) == (400, "limit")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{CONVERSATION}?before=%00", "before"),
        (f"{CONVERSATION}%00", "path"),
        (f"{CONVERSATION}/media/SM%00/0", "path"),
        ("/api/dead-letters?reason=%00", "reason"),
        ("/api/dead-letters?before=%00", "before"),
        ("/api/dead-letters/0-0%00", "path"),
        ("/api/stats?batch_id=%00", "batch_id"),
        (f"{CONVERSATION}?before=0001-01-01", "before"),
        (f"{CONVERSATION} ext. 9", "phone_number"),
        (f"{CONVERSATION};ext=9", "phone_number"),
        (f"{CONVERSATION}%2F..%2F..%2Fx", "phone_number"),
    ],
)
def test_what_cannot_be_asked_names_its_field(api: httpx.Client, path: str, field: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["details"].partition(":")[0]) == (400, field)


@pytest.mark.parametrize(
    "path",
    [
        "/ops/conversations?q=%00",
        "/ops/conversations?before=2025-10-28T10:34:34_%00",
        f"/ops/conversations?before=2025-10-28T10:34:34_{DIGITS}",
        "/ops/conversations?before=yesterday",
        f"/ops/conversations/{NUMBER}%00",
        "/ops/campaigns/b%00",
        "/ops/campaigns/b%00/campaign.csv",
        "/ops/suppressed?before=2025-10-28&number=%00",
        "/ops/suppressed?before=0001-01-01T00:00:00%2B14:00",
        "/ops/dead-letters/%00",
        "/ops/live?of=%00",
        "/ops/live?of=hola",
        f"/ops/conversations/{NUMBER} ext. 9",
    ],
)
def test_so_does_a_page(console: httpx.Client, path: str) -> None:
    answer = console.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_page_that_watches_nonsense_stops_nobody_elses(odd: Web, console: httpx.Client) -> None:
    with console.stream("GET", "/ops/live?of=now", timeout=_LIVE_SECONDS) as stream:
        assert console.get("/ops/live?of=%00").status_code == httpx.codes.BAD_REQUEST
        assert any("changed" in line for line in stream.iter_lines())


@pytest.mark.parametrize(
    ("expect", "status"), [(b"\xff\xfe", 417), (b"nothing", 417), (b"100-Continue", 401)]
)
def test_what_nobody_can_expect_is_417(client: httpx.Client, expect: bytes, status: int) -> None:
    assert (
        client.get("/api/stats", headers={b"Expect": expect}).status_code == status  # type: ignore[dict-item]
    )


def test_a_line_break_in_the_way_back_is_no_header(odd: Web, console: httpx.Client) -> None:
    forged = (
        "/ops\r\nX-Forged: 1",
        "/ops?a=\r\n\r\n<b>",
        "/ops/\n",
        "/ops\x00",
        "/ops/ñ",
        "//ops",
        "https://x/ops",
    )
    for back in forged:
        for path, fields in (("/ops/language", {"language": "en"}), ("/ops/sign-in", {"token": TOKEN})):
            answer = console.post(path, data=fields | {"back": back})
            assert (answer.status_code, answer.headers["Location"]) == (303, "/ops")
    answer = console.post(
        "/ops/language", data={"language": "en", "back": f"/ops/conversations/{NUMBER}?before=7"}
    )
    assert answer.headers["Location"] == f"/ops/conversations/{NUMBER}?before=7"


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u200b", "\u2003\ufeff"])
def test_a_write_of_blanks_is_400(api: httpx.Client, text: str) -> None:
    answer = api.post(f"{CONVERSATION}/commands", json={"command": "write", "by": "Ana", "text": text})
    assert (answer.status_code, "text" in answer.json()["details"]) == (400, True)


@pytest.mark.parametrize("seen", [2**63, -1, 1e400, "x", 10**400])
def test_a_position_out_of_range_is_400(api: httpx.Client, seen: object) -> None:
    body = json.dumps({"command": "resume", "by": "y", "seen": "SEEN"})
    told = body.replace('"SEEN"', "1e400" if seen == 1e400 else json.dumps(seen))
    headers = {"Content-Type": "application/json"}
    answer = api.post(f"{CONVERSATION}/commands", content=told.encode(), headers=headers)
    assert (answer.status_code, answer.json()["details"].partition(":")[0] in ("seen", "body")) == (400, True)


@pytest.mark.parametrize(
    "number", [SENDER, "14155238886", f"whatsapp:{SENDER}", f"{NUMBER} ext. 9", f"{NUMBER}/../../x"]
)
def test_a_number_that_cannot_be_the_clients_names_the_field(api: httpx.Client, number: str) -> None:
    answer = api.post("/api/call-completed", json=call("conv_odd", number))
    assert (answer.status_code, answer.json()["details"].partition(":")[0]) == (400, "recipient.phone_number")


@pytest.mark.parametrize("duration", ["1e400", "-1e400", "9" * 400, "1e308", "-1", "1e18", "true", '"74"'])
def test_a_duration_that_cannot_be_is_no_server_error(odd: Web, duration: str) -> None:
    data = {"conversation_id": "conv_1", "status": "done", "metadata": {"call_duration_secs": "DURATION"}}
    event = json.dumps({"type": "post_call_transcription", "data": data})
    body = event.replace('"DURATION"', duration).encode()
    stamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"ElevenLabs-Signature": f"t={stamp},v0={digest}"}
    answer = http.post(f"{odd.url}/webhook/elevenlabs/post-call", content=body, headers=headers)
    assert answer.status_code == (400 if "e400" in duration else 200), answer.text


DEEP = '{"a":' * 1200 + "1" + "}" * 1200


@pytest.mark.parametrize("odd_one", [{"NumMedia": DIGITS}, {"NumMedia": "-1"}, {"FlowData": DEEP}])
def test_odd_parameters_of_twilio_are_taken(odd: Web, odd_one: dict[str, str]) -> None:
    path, params = "/webhook/twilio/incoming", message("SM_odd", **odd_one)
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(odd.url + path, params)
    answer = http.post(odd.url + path, data=params, headers={"X-Twilio-Signature": signature})
    assert answer.status_code == httpx.codes.OK
