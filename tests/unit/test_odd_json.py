"""Calls as backends really write them."""

import json

import pytest

from schemas.documents import parse_object
from schemas.errors import InvalidInput
from schemas.events import UNCONNECTED, CallCompleted
from schemas.odd_json import is_odd

NUMBER = "+573138539155"


def _call(phone_number: str = json.dumps(NUMBER), client_name: str = "Ana") -> bytes:
    recipient = f'{{"phone_number": {phone_number}, "conversation_id": "conv_1"}}'
    return (
        f'{{"agent_id": "a", "recipient": {recipient}, "call_metadata": {{"client_name": "{client_name}"}}}}'
    ).encode()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ana \\ud83d", "Ana \ufffd"),
        ("\\ude00 Ana", "\ufffd Ana"),
        ("Ana \\ud83d\\ude00", "Ana 😀"),
        ("Ana \\\\ud83d", "Ana \\ud83d"),
    ],
)
def test_half_an_emoji_spoils_no_call(written: str, name: str) -> None:
    assert CallCompleted.from_json(_call(client_name=written)).client_name == name


def test_half_an_emoji_in_a_key_or_a_list_spoils_nothing() -> None:
    assert parse_object(b'{"\\ud83d": ["\\ud83d", 1, null]}') == {"\ufffd": ["\ufffd", 1, None]}


def test_half_an_emoji_that_was_encoded_as_it_was_spoils_nothing() -> None:
    assert parse_object('{"name": "Ana \ud83d"}'.encode("utf-8", "surrogatepass")) == {"name": "Ana \ufffd"}


def test_a_byte_order_mark_is_left_out() -> None:
    assert CallCompleted.from_json(b"\xef\xbb\xbf" + _call()).recipient.phone_number == NUMBER


@pytest.mark.parametrize(
    "written", ["573138539155", "573138539155.0", '"573138539155.0"', '" +57 313 853 9155 "']
)
def test_a_number_that_was_a_number_is_its_digits(written: str) -> None:
    assert CallCompleted.from_json(_call(written)).recipient.phone_number == NUMBER


@pytest.mark.parametrize(
    "written", ["5.73e11", "5.73138539155E+11", "573138539155e0", '"5.73e11"', "573138539155.5"]
)
def test_a_number_that_may_have_lost_digits_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        CallCompleted.from_json(_call(written))
    assert refused.value.field == "recipient.phone_number"
    assert NUMBER in refused.value.why


def test_exponents_elsewhere_are_numbers_as_any() -> None:
    assert parse_object(b'{"seconds": 1.5e2, "text": "1e5"}') == {"seconds": 150.0, "text": "1e5"}


@pytest.mark.parametrize(
    ("data", "odd"),
    [
        (b'{"sid": "SM12e45f1e300", "at": "12:1 e5"}', False),
        (b'{"seconds":1.5e2}', True),
        (b'{"seconds": -1E+5}', True),
        (b'{"seconds":\n\t15e-2}', True),
        (b"[1e2]", True),
        (b"[1, 1e2]", True),
        (b"1e2", True),
    ],
)
def test_an_e_between_the_digits_of_an_id_is_no_exponent(data: bytes, odd: bool) -> None:
    assert is_odd(data) is odd


@pytest.mark.parametrize(
    "data", [b'{"a": NaN}', b'{"a": 1e5, "b": Infinity}', b"\xff", b'{"a": "\\ud83d"', b"[1e2]"]
)
def test_what_is_no_json_object_stays_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_object(data)
    assert refused.value.field == "body"


def test_a_national_number_is_the_configured_countrys() -> None:
    call = CallCompleted.from_json(_call('"3138539155"'), {"region": "CO"})
    assert call.key == NUMBER


def _unconnected(batch: str | None = "b1", lead: str | None = "rcpt_1", **recipient: object) -> CallCompleted:
    who = {"phone_number": NUMBER, "id": lead} | recipient
    return CallCompleted.from_object({"agent_id": "a", "batch_id": batch, "recipient": who})


@pytest.mark.parametrize(
    "written", [{}, {"conversation_id": None}, {"conversation_id": ""}, {"conversation_id": " "}]
)
def test_a_call_that_never_connected_has_an_id_of_its_lead(written: dict[str, object]) -> None:
    call = _unconnected(**written)
    assert call.event_id == _unconnected(conversation_id=None).event_id
    assert call.event_id.startswith(UNCONNECTED)
    assert CallCompleted.from_json(call.to_json()).event_id == call.event_id, (
        "the same over HTTP and over the topic"
    )


def test_of_a_leads_attempts_the_id_is_one_and_of_others_another() -> None:
    attempts = [
        _unconnected(created_at_unix=at, status=how).event_id for at, how in ((1, "failed"), (2, "busy"))
    ]
    others = [_unconnected(batch="b2").event_id, _unconnected(lead="rcpt_2").event_id]
    assert (len(set(attempts)), len({*attempts, *others})) == (1, 3)


@pytest.mark.parametrize(("batch", "lead"), [(None, None), ("b1", None), (None, "rcpt_1")])
def test_without_a_lead_number_and_time_tell_calls_apart(batch: str | None, lead: str | None) -> None:
    at = _unconnected(batch, lead, created_at_unix=1)
    same = _unconnected(
        batch, lead, created_at_unix=1, phone_number="573138539155", status="busy", updated_at_unix=9
    )
    assert at.event_id == same.event_id
    other = (
        {"created_at_unix": 2},
        {"created_at_unix": 1, "phone_number": "+573138539156"},
        {"updated_at_unix": 7},
        {},
    )
    assert len({at.event_id, *(_unconnected(batch, lead, **over).event_id for over in other)}) == 5


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"conversation_id": "conv_1"}, "completed"),
        ({"conversation_id": "conv_1", "status": None}, "completed"),
        ({"conversation_id": "conv_1", "status": "voicemail"}, "voicemail"),
        ({}, "no_answer"),
        ({"status": None}, "no_answer"),
        ({"status": " "}, "no_answer"),
        ({"status": "failed"}, "failed"),
    ],
)
def test_a_call_without_a_status_was_held_if_it_connected(told: dict[str, object], status: str) -> None:
    assert _unconnected(**told).status == status
