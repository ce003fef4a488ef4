"""The pure rules: first message, descriptions, delivery ranks, end of turn, records, judge, settings."""

from datetime import timedelta
from typing import Any

import pytest

from cli.judge import judge
from rules.first_message import check_placeholders, filled, placeholder_values
from rules.inbound import described
from rules.policy import Policy
from schemas.errors import ConfigurationError, InvalidInput
from schemas.events import CallCompleted
from schemas.settings import load_settings
from schemas.statuses import rank_of

TEXT = load_settings({}).first_message_text


def call(**metadata: object) -> CallCompleted:
    recipient = {"phone_number": "+573138539155", "conversation_id": "conv_1"}
    body: dict[str, Any] = {
        "agent_id": "a",
        "agent_name": "Ana",
        "recipient": recipient,
        "call_metadata": metadata,
    }
    return CallCompleted.from_object(body)


def first_message(text: str, ended: CallCompleted, summary: str | None) -> str:
    return filled(text, placeholder_values(ended.client_name, ended.agent_name, ended.group_name, summary))


def test_first_message_is_personal_and_short_of_whatever_comes() -> None:
    text = first_message(TEXT, call(client_name="Luz Marina Díaz"), "Quiere el plan Premium.")
    assert text.startswith("¡Hola Luz! Soy Ana.")
    assert "Sobre lo que hablamos: Quiere el plan Premium. " in text
    assert len(first_message(TEXT, call(client_name="x" * 10_000), "y " * 5_000)) < 1_600
    assert first_message(TEXT, call(client_name="  "), None).startswith("¡Hola Cliente!")


@pytest.mark.parametrize("text", ["{nombre}", "{", "{client_name.x}"])
def test_wrong_placeholders_are_found_early(text: str) -> None:
    with pytest.raises(ConfigurationError, match="FIRST"):
        check_placeholders("FIRST", text)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (b'{"agent_id": "a"}', "recipient"),
        (b'{"agent_id": "a", "recipient": []}', "recipient"),
        (
            b'{"agent_id": "", "recipient": {"phone_number": "+573138539155", "conversation_id": "c"}}',
            "agent_id",
        ),
        (
            b'{"agent_id": "a", "recipient": {"phone_number": "x", "conversation_id": "c"}}',
            "recipient.phone_number",
        ),
        (b'{"agent_id": "a", "recipient": {"conversation_id": "c"}}', "recipient.phone_number"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "body"),
    ],
)
def test_bad_calls_name_the_field(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        CallCompleted.from_json(body)
    assert error.value.field == field


def test_odd_calls_are_taken() -> None:
    body = (
        b'{"agent_id": 7, "extra": {"x": [1]},'
        b' "recipient": {"phone_number": 573138539155, "conversation_id": "c"},'
    )
    taken = CallCompleted.from_json(body + b'"call_metadata": null, "batch_name": "a\\u0000b"}')
    assert (taken.key, taken.client_name, taken.group_name) == ("+573138539155", "Cliente", "N/A")
    assert taken.batch_name == "ab"
    assert b'"extra"' in taken.to_json()


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"Body": " Hola "}, "Hola"),
        ({"Body": "", "NumMedia": "1", "MediaContentType0": "image/jpeg"}, "[El cliente envió una imagen]"),
        (
            {"NumMedia": "1", "MediaContentType0": "audio/ogg", "Body": "oye"},
            "[El cliente envió un mensaje de voz]\noye",
        ),
        ({"Latitude": "4.6", "Longitude": "-74.1"}, "[El cliente envió su ubicación: (4.6, -74.1)]"),
        ({"Body": "", "ButtonText": "Sí"}, "Sí"),
        ({}, "[El cliente envió un mensaje de un tipo que no se puede mostrar]"),
    ],
)
def test_messages_are_described(params: dict[str, str], text: str) -> None:
    assert described(params) == text


def test_failed_reports_outrank_all() -> None:
    ranks = [rank_of(status) for status in ("nonsense", "queued", "sent", "delivered", "read", "undelivered")]
    assert ranks == sorted(ranks)


def row(sender: str, to: str, body: str) -> dict[str, Any]:
    return {"from": f"whatsapp:{sender}", "to": f"whatsapp:{to}", "body": body}


def test_the_judge_sees_each_kind_of_failure() -> None:
    hello, a, b = row("us", "+1", "Hola"), row("+1", "us", "a"), row("+1", "us", "b")
    good = judge([hello, a, b, row("us", "+1", "Eco: a\nb")], [], ["+1"])
    assert good.good
    assert judge([hello, a, b, row("us", "+1", "Eco: a")], [], ["+1"]).lost == 1
    assert judge([hello, a, row("us", "+1", "Eco: a"), row("us", "+1", "Eco: a")], [], ["+1"]).doubled == 1
    assert (
        judge([hello, a, b, row("us", "+1", "Eco: b"), row("us", "+1", "Eco: a")], [], ["+1"]).out_of_order
        == 1
    )
    assert judge([], [{"who": "+1", "at_once": 2}], ["+1"]).overlapping == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOPIC_PARTITIONS", "many"),
        ("REPLY_QUIET_SECONDS", "inf"),
        ("AGENT_PATIENCE_SECONDS", "nan"),
        ("ESCALATED_RESUME_HOURS", "1e20"),
        ("TOPIC_RETENTION_HOURS", "99999999999"),
        ("MESSAGE_RETENTION_DAYS", "36501"),
        ("CAMPAIGN_MESSAGES_PER_MINUTE", "1e-300"),
        ("TWILIO_MESSAGES_PER_SECOND", "inf"),
    ],
)
def test_settings_name_the_wrong_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        load_settings({variable: value})


def test_the_longest_times_can_be_counted() -> None:
    longest = {"REPLY_QUIET_SECONDS": "3153600000", "ESCALATED_RESUME_HOURS": "876000"}
    policy = Policy.of(load_settings(longest | {"CAMPAIGN_MESSAGES_PER_MINUTE": "0.001"}))
    assert policy.quiet == policy.escalated_resume == timedelta(days=36_500)
