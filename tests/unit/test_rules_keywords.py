"""Commands of clients: whole messages, however they are written."""

import pytest

from schemas.settings import load_settings
from streams.conversation.keywords import Intent, Keywords, normalised
from streams.conversation.notices import notice_text

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
