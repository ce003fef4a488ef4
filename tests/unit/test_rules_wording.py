"""Text or template, whether a conversation begins, and when: the pure rules of what goes out first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.call_status import CallStatuses
from rules.configuration import check_rules, problems
from rules.language import language_of
from rules.quiet_hours import QuietHours
from rules.wording import Client, Wording
from schemas.errors import ConfigurationError
from schemas.settings import load_settings
from schemas.window import is_open

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TEMPLATES = {
    "TWILIO_FIRST_MESSAGE_CONTENT_SID": "HXfirst",
    "TWILIO_FIRST_MESSAGE_CONTENT_VARIABLES": '{"1": "{client_name}", "2": "{summary}", "3": "{agent_name}"}',
    "TWILIO_REOPEN_CONTENT_SID": "HXreopen",
    "TWILIO_REOPEN_CONTENT_VARIABLES": '{"1": "{client_name}", "texto": "{text}"}',
}


def client(status: str = "completed", **over: Any) -> Client:  # noqa: ANN401
    recipient = {"phone_number": "+573138539155", "conversation_id": "c", "status": status}
    call = {
        "agent_id": "a",
        "agent_name": "Ana",
        "recipient": recipient,
        "call_metadata": {"client_name": "Luz Díaz"},
    }
    return Client(**{"name": "Luz Díaz", "call": call, "summary": None, **over})


@pytest.mark.parametrize(
    ("ago", "is_there"),
    [
        (timedelta(0), True),
        (timedelta(hours=23), True),
        (timedelta(hours=23, minutes=55), False),
        (timedelta(days=2), False),
    ],
)
def test_the_window_closes_a_little_early(ago: timedelta, is_there: bool) -> None:
    assert is_open(NOW - ago, NOW) is is_there
    assert not is_open(None, NOW)


def test_outside_the_window_the_first_message_is_the_template() -> None:
    words = Wording(load_settings(TEMPLATES)).first(client(summary=None), window_is_open=False)
    assert words.content == {
        "content_sid": "HXfirst",
        "content_variables": {"1": "Luz", "2": "-", "3": "Ana"},
    }
    assert words.body.startswith("¡Hola Luz! Soy Ana.")


def test_inside_the_window_or_without_a_template_it_is_text() -> None:
    assert Wording(load_settings(TEMPLATES)).first(client(), window_is_open=True).content is None
    assert Wording(load_settings({})).first(client(), window_is_open=False).content is None


SPOKEN = "El cliente quiere el plan Premium y pregunta por el precio."
WRITTEN = "The user seemed hesitant and rude, and asked about the price."
ON = {"FIRST_MESSAGE_SUMMARY": "on"}


def first_text(settings: dict[str, str], summary: str | None) -> str:
    return Wording(load_settings(settings)).first(client(summary=summary), window_is_open=True).body


@pytest.mark.parametrize(
    ("settings", "summary", "quoted"),
    [
        ({}, SPOKEN, ""),
        ({}, WRITTEN, ""),
        (ON, SPOKEN, f"Sobre lo que hablamos: {SPOKEN} "),
        (ON, WRITTEN, ""),
        (ON, None, ""),
        (ON, "Premium", ""),
        (ON | {"FIRST_MESSAGE_SUMMARY_LANGUAGE": "en"}, WRITTEN, f"Sobre lo que hablamos: {WRITTEN} "),
        (ON | {"FIRST_MESSAGE_SUMMARY_LANGUAGE": "en"}, SPOKEN, ""),
        (ON | {"FIRST_MESSAGE_SUMMARY_LANGUAGE": "any"}, "Premium", "Sobre lo que hablamos: Premium. "),
        (
            ON | {"FIRST_MESSAGE_SUMMARY_LENGTH": "30"},
            SPOKEN,
            "Sobre lo que hablamos: El cliente quiere el plan… ",
        ),
    ],
)
def test_a_free_text_quotes_the_summary_only_where_that_is_wanted(
    settings: dict[str, str], summary: str | None, quoted: str
) -> None:
    text = first_text(settings, summary)
    assert text == first_text({}, None).replace("llamada. ", f"llamada. {quoted}")


def test_a_text_of_ones_own_has_the_summary_by_the_same_setting() -> None:
    own = {"FIRST_MESSAGE_TEXT": "Hola. {summary}¿Seguimos?"}
    assert first_text(own, SPOKEN) == "Hola. ¿Seguimos?"
    assert first_text(own | ON, SPOKEN) == f"Hola. Sobre lo que hablamos: {SPOKEN} ¿Seguimos?"


@pytest.mark.parametrize("summary", [SPOKEN, WRITTEN])
def test_a_template_has_the_summary_whatever_free_texts_have(summary: str) -> None:
    words = Wording(load_settings(TEMPLATES)).first(client(summary=summary), window_is_open=False)
    assert words.content is not None
    assert words.content["content_variables"]["2"] == f"Sobre lo que hablamos: {summary}"
    assert summary not in words.body


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (SPOKEN, "es"),
        (WRITTEN, "en"),
        ("O cliente não quer o plano e perguntou sobre o preço com calma.", "pt"),
        ("Le client veut le plan et il a demandé le prix pour son fils.", "fr"),
        ("Il cliente vuole il piano e ha chiesto il prezzo per suo figlio.", "it"),
        ("Der Kunde will das Paket und fragt nach dem Preis für sich.", "de"),
        ("Premium", None),
        ("", None),
        ("12 $99", None),
    ],
)
def test_the_language_of_a_summary(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_a_templates_values_are_one_line_and_not_endless() -> None:
    content = Wording(load_settings(TEMPLATES)).reopening(client(), "uno\n\ndos\t" + "x " * 2_000)
    assert content is not None
    text = content["content_variables"]["texto"]
    assert text.startswith("uno dos x")
    assert "\n" not in text
    assert len(text) <= 700


def test_what_is_repeated_takes_the_template_of_what_it_was() -> None:
    wording = Wording(load_settings(TEMPLATES))
    sids = [
        wording.again(client(), kind, "hola").content["content_sid"]  # type: ignore[union-attr, index]
        for kind in ("call", "reply")
    ]
    assert sids == ["HXfirst", "HXreopen"]
    assert Wording(load_settings({})).again(client(), "reply", "hola") is None


def test_a_client_without_a_call_is_written_to_as_well() -> None:
    content = Wording(load_settings(TEMPLATES)).reopening(client(call=None, name="Cliente"), "hola")
    assert content is not None
    assert content["content_variables"] == {"1": "Cliente", "texto": "hola"}


@pytest.mark.parametrize(
    ("status", "begins", "template"),
    [
        ("completed", "¡Hola {client_name}! Soy {agent_name}. Gracias", "first"),
        ("COMPLETED", "¡Hola {client_name}! Soy {agent_name}. Gracias", "first"),
        (" completed\n", "¡Hola {client_name}! Soy {agent_name}. Gracias", "first"),
        ("voicemail", None, None),
        ("Voicemail", None, None),
        ("busy", "Estaba ocupado, {client_name}", "no_answer"),
        ("failed", "¡Hola {client_name}! Soy {agent_name}. Intentamos", "no_answer"),
        ("a_status_of_tomorrow", "¡Hola {client_name}! Soy {agent_name}. Intentamos", "no_answer"),
    ],
)
def test_a_setting_says_how_each_kind_of_call_goes_on(
    status: str, begins: str | None, template: str | None
) -> None:
    actions = '{"voicemail": "none", "busy": "Estaba ocupado, {client_name}"}'
    opening = CallStatuses(load_settings({"CALL_STATUS_ACTIONS": actions})).opening(status)
    assert (opening is None) == (begins is None)
    if opening and begins:
        assert opening.text.startswith(begins)
        assert opening.template == template


def test_all_others_can_be_named() -> None:
    statuses = CallStatuses(load_settings({"CALL_STATUS_ACTIONS": '{"*": "none"}'}))
    assert statuses.opening("failed") is None
    assert statuses.opening("completed") is not None


@pytest.mark.parametrize(
    ("utc", "number", "hours"),
    [
        ("2026-03-10T01:59", "+573138539155", 0),  # 20:59 in Bogotá
        ("2026-03-10T02:00", "+573138539155", 11),  # 21:00
        ("2026-03-10T12:59", "+573138539155", 1 / 60),
        ("2026-03-10T13:00", "+573138539155", 0),  # 08:00
        ("2026-03-10T13:00", "+34612345678", 0),  # 14:00 in Madrid
        ("2026-03-10T21:30", "+34612345678", 10.5),  # 22:30, and 21:30 on the Canaries
        ("2026-03-10T03:00", "US.1234", 5),  # no number: STATS_TIMEZONE, here UTC
    ],
)
def test_first_messages_wait_for_the_clients_morning(utc: str, number: str, hours: float) -> None:
    quiet = QuietHours.of(load_settings({"QUIET_HOURS": "21:00-08:00"}))
    assert quiet is not None
    waited = quiet.wait_seconds(number, datetime.fromisoformat(utc).replace(tzinfo=UTC))
    assert waited == pytest.approx(hours * 3600)


def test_a_number_of_many_zones_is_spared_in_each() -> None:
    quiet = QuietHours.of(load_settings({"QUIET_HOURS": "21:00-08:00"}))
    assert quiet is not None
    # +1 800 may be anywhere between Bermuda and Hawaii: at 16:00 UTC Hawaii still sleeps.
    assert quiet.wait_seconds("+18002345678", datetime(2026, 3, 10, 16, tzinfo=UTC)) >= 2 * 3600


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FIRST_MESSAGE_TEXT", "Hola {nombre}"),
        ("FIRST_MESSAGE_TEXT", "Hola {client_name:d}"),
        ("NO_ANSWER_MESSAGE_TEXT", "Hola {"),
        ("TWILIO_FIRST_MESSAGE_CONTENT_VARIABLES", '{"1": "x"}'),  # without its ContentSid
        ("TWILIO_REOPEN_CONTENT_VARIABLES", "[1]"),
        ("TWILIO_REOPEN_CONTENT_VARIABLES", '{"1": "{nombre}"}'),
        ("CALL_STATUS_ACTIONS", "voicemail=none"),
        ("CALL_STATUS_ACTIONS", '{"busy": "Hola {nombre}"}'),
        ("QUIET_HOURS", "9 pm"),
        ("QUIET_HOURS", "25:00-08:00"),
        ("QUIET_HOURS", "08:00-08:00"),
    ],
)
def test_what_is_wrong_is_found_at_the_start_and_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        check_rules(load_settings({variable: value}))


def test_the_doctor_gets_a_line_for_each() -> None:
    wrong = load_settings({"FIRST_MESSAGE_TEXT": "{x}", "QUIET_HOURS": "x", "CALL_STATUS_ACTIONS": "x"})
    assert [line.split(":")[0] for line in problems(wrong)] == [
        "FIRST_MESSAGE_TEXT",
        "CALL_STATUS_ACTIONS",
        "QUIET_HOURS",
    ]
    assert problems(load_settings(TEMPLATES)) == []
