"""Clients' commands: whole messages, however they are written."""

import pytest

from rules.keywords import Intent, Keywords, normalised
from rules.wording import notice_text
from schemas.settings import load_settings

KEYWORDS = Keywords.of(load_settings({}))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("STOP", "stop"),
        ("  stop. ", "stop"),
        ("¡¡Cancelár!!", "stop"),
        ("baja", "stop"),
        ("Dar   de\nbaja", "stop"),
        ("No me escriban más 🙏", "stop"),
        ("Alta", "start"),
        ("start", "start"),
        ("Asesor", "handoff"),
        ("¿Hablar con una persona?", "handoff"),
        ("Quiero hablar con una asesora, por favor", None),
        ("con una persona", "handoff"),
        ("Persona real", "handoff"),
        ("Persona", None),
        ("una persona", None),
        ("persona natural", None),
        ("Personas", None),
        ("quiero cancelar mi cita", None),
        ("baja el precio?", None),
        ("no stop", None),
        ("", None),
        ("🛑", None),
        ("stop " * 10_000, None),
    ],
)
def test_a_command_is_the_whole_message(body: str, kind: str | None) -> None:
    intent = KEYWORDS.intent({"Body": body})
    assert (intent.kind if intent else None) == kind


@pytest.mark.parametrize(("opt_out_type", "kind"), [("STOP", "stop"), ("START", "start"), ("HELP", "help")])
def test_what_twilio_recognised_it_has_answered(opt_out_type: str, kind: str) -> None:
    intent = KEYWORDS.intent({"Body": "arret", "OptOutType": opt_out_type})
    assert intent is not None
    assert (intent.kind, intent.replied) == (kind, True)


def test_a_button_is_a_message_too() -> None:
    assert KEYWORDS.intent({"Body": "", "ButtonText": "Baja"}) == Intent("stop")


def tap(text: str, payload: str, *, of_list: bool = False) -> dict[str, str]:
    """As Twilio posts a tap on a quick reply, or on an item of a list."""
    if of_list:
        return {"ListTitle": text, "ListId": payload}
    return {"Body": text, "ButtonText": text, "ButtonPayload": payload}


@pytest.mark.parametrize("of_list", [False, True])
@pytest.mark.parametrize(
    ("text", "payload", "kind"),
    [
        ("Persona", "natural", None),
        ("Asesor", "perfil_asesor", None),
        ("Hablar con una persona", "opcion_2", None),
        ("Ayuda", "HANDOFF", "handoff"),
        ("Necesito ayuda", "transfer_to_human", "handoff"),
        ("Hablar con una persona", "Hablar con una persona", "handoff"),
        ("Baja", "opcion_3", "stop"),
        ("No más mensajes", "stop", "stop"),
        ("Alta", "opcion_4", None),
        ("Alta", "ALTA", "start"),
        ("Sí", "yes", None),
    ],
)
def test_a_tap_is_what_its_payload_says(text: str, payload: str, kind: str | None, of_list: bool) -> None:
    intent = KEYWORDS.intent(tap(text, payload, of_list=of_list))
    assert (intent.kind if intent else None) == kind


def test_payloads_are_configurable() -> None:
    keywords = Keywords.of(load_settings({"HANDOFF_PAYLOADS": "opcion_2, soporte"}))
    assert keywords.intent(tap("Ayuda", "OPCION_2")) == Intent("handoff")
    assert keywords.intent(tap("Ayuda", "HANDOFF")) is None
    assert keywords.intent({"Body": "soporte"}) is None


def test_words_are_configurable() -> None:
    keywords = Keywords.of(load_settings({"OPT_OUT_WORDS": "No más, ,basta", "HANDOFF_WORDS": "jefe"}))
    kinds = [keywords.intent({"Body": body}) for body in ("no mas", "Basta!", "el jefe", "JEFE", "STOP")]
    assert kinds == [Intent("stop"), Intent("stop"), None, Intent("handoff"), None]


def test_a_text_can_be_switched_off() -> None:
    assert "ALTA" in notice_text(load_settings({}), "opted_out")
    assert notice_text(load_settings({"OPT_OUT_TEXT": "-"}), "opted_out") == ""
    assert notice_text(load_settings({}), None) == ""


def test_normalised_keeps_words_alone() -> None:
    assert normalised(" ¿Qué,  TAL? ") == "que tal"
