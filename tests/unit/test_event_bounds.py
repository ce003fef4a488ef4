"""Nothing that parses fails later: numbers, times, lengths, depth and ids are bounded as their storage is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import ConversationCommand
from schemas.dead_letters import DeadLetter, DeadLetterClosed
from schemas.documents import parse_object
from schemas.errors import InvalidInput
from schemas.events import (
    CallCompleted,
    ConversationEvent,
    Event,
    InboundMessage,
    MessageStatus,
)
from streams.stats.event import parse_event

NUMBER, AT = "+573138539155", "2025-10-28T10:34:34Z"
_TOO_EARLY, _TOO_LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
_LONG = "x" * 256
GOOD: dict[type[Event], dict[str, Any]] = {
    CallCompleted: {"agent_id": "a", "recipient": {"phone_number": NUMBER, "conversation_id": "c"}},
    InboundMessage: {"event_id": "SM1", "received_at": AT, "params": {"From": NUMBER}},
    MessageStatus: {"event_id": "SM1:sent", "received_at": AT, "params": {"To": NUMBER, "MessageSid": "SM1"}},
    ConversationCommand: {
        "command_id": "1",
        "phone_number": NUMBER,
        "command": "close",
        "by": "ana",
        "at": AT,
    },
    ConversationEvent: {
        "event_id": "1:1",
        "number": 1,
        "conversation_id": 1,
        "phone_number": NUMBER,
        "type": "sent",
        "at": AT,
        "data": {},
    },
    DeadLetter: {
        "topic": "t",
        "partition": 0,
        "offset": 0,
        "reason": "r",
        "details": "d",
        "key_base64": None,
        "value_base64": None,
        "at": AT,
    },
    DeadLetterClosed: {"closes": "0-1", "state": "discarded", "by": "ana", "at": AT},
}
_OUTSIDE: list[tuple[type[Event], str, object]] = [
    *(
        (model, field, at)
        for model, field in [
            (InboundMessage, "received_at"),
            (MessageStatus, "received_at"),
            (ConversationCommand, "at"),
            (ConversationEvent, "at"),
            (DeadLetter, "at"),
            (DeadLetterClosed, "at"),
        ]
        for at in (_TOO_EARLY, _TOO_LATE, "2200-01-01T00:00:01Z", 1e18)
    ),
    (ConversationCommand, "seen", 2**63),
    (ConversationCommand, "seen", -1),
    (ConversationCommand, "by", _LONG),
    (ConversationCommand, "content_variables", {"1": "x" * 5000}),
    (MessageStatus, "own_id", "no-uuid"),
    (MessageStatus, "own_id", ""),
    (MessageStatus, "params", {"To": NUMBER, "MessageSid": "x" * 65}),
    (MessageStatus, "params", {"To": NUMBER, "MessageSid": "a b"}),
    (InboundMessage, "event_id", _LONG),
    (InboundMessage, "params", {str(n): "" for n in range(301)}),
    (CallCompleted, "batch_id", _LONG),
    (CallCompleted, "agent_id", ""),
    (ConversationEvent, "number", 0),
    (ConversationEvent, "number", 2**31),
    (ConversationEvent, "conversation_id", 2**31),
    (DeadLetter, "partition", 3_000_000_000),
    (DeadLetter, "partition", -1),
    (DeadLetter, "offset", 2**63),
    (DeadLetter, "tries", 2**31),
    (DeadLetter, "topic", "t" * 250),
    (DeadLetterClosed, "closes", _LONG),
]


@pytest.mark.parametrize("model", GOOD, ids=lambda model: str(model.__name__))
def test_what_is_within_is_read(model: type[Event]) -> None:
    model.from_object(GOOD[model])


@pytest.mark.parametrize(("model", "field", "value"), _OUTSIDE)
def test_what_is_outside_is_refused_by_its_name(model: type[Event], field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        model.from_object(GOOD[model] | {field: value})
    assert refused.value.field.split(".")[0] in (field, "body")


def test_a_time_without_zone_is_utcs() -> None:
    message = InboundMessage.from_object(GOOD[InboundMessage] | {"received_at": "2025-10-28T10:34:34"})
    assert message.received_at == datetime(2025, 10, 28, 10, 34, 34, tzinfo=UTC)


def test_an_own_id_is_one_however_it_is_written() -> None:
    written = "6F0B2C1E000040008000000000000001"
    report = MessageStatus.from_object(GOOD[MessageStatus] | {"own_id": written})
    assert report.own_id == "6f0b2c1e-0000-4000-8000-000000000001"


@pytest.mark.parametrize("value", ["a b", "x" * 129, "", 5, None, "ñ"])
def test_a_request_id_that_is_none_is_left_out(value: object) -> None:
    assert InboundMessage.from_object(GOOD[InboundMessage] | {"request_id": value}).request_id is None


def test_values_are_nested_to_a_depth_that_everything_behind_can_walk() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for depth, is_read in ((62, True), (70, False), (150, False)):
            data = f'{{"x": {opening * depth}1{closing * depth}}}'.encode()
            if is_read:
                assert "x" in parse_object(data)
            else:
                with pytest.raises(InvalidInput, match="nested"):
                    parse_object(data)
    assert "x" in parse_object(json.dumps({"x": "{" * 1000}).encode()), "what is text is no depth"


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(list(GOOD)), st.data())
def test_any_value_of_any_field_is_read_or_refused(model: type[Event], data: st.DataObject) -> None:
    """Any field value gives an event with a key that can be written out again, or one clear refusal."""
    field = data.draw(st.sampled_from(list(model.model_fields)))
    changed = GOOD[model] | {field: data.draw(_JSON)}
    assert _read(model, json.dumps(changed, ensure_ascii=False).encode(errors="surrogatepass"))


def _read(model: type[Event], value: bytes) -> str:
    """Return the key of an event that can be written out again, or the field that is refused."""
    try:
        event = model.from_json(value)
        assert model.from_json(event.to_json()) == event
        keyed = isinstance(event, CallCompleted | InboundMessage | MessageStatus | ConversationCommand)
        return event.key if keyed else "none"  # type: ignore[attr-defined, no-any-return]  # those have one
    except InvalidInput as error:
        return error.field


@pytest.mark.parametrize(
    "change",
    [
        {"at": _TOO_LATE},
        {"at": _TOO_EARLY},
        {"conversation_id": 2**31},
        {"number": 2**63},
        {"conversation_id": 0},
    ],
)
def test_the_statistics_have_the_same_bounds(change: dict[str, object]) -> None:
    parse_event(json.dumps(GOOD[ConversationEvent]).encode())
    with pytest.raises(InvalidInput):
        parse_event(json.dumps(GOOD[ConversationEvent] | change).encode())
