"""Our own texts are in the language that the call names, or else in the configured one."""

import json
from pathlib import Path

import pytest

from rules import inputs as i
from rules.configuration import problems
from rules.turns import Part
from schemas.errors import ConfigurationError
from schemas.events import CallMetadata
from schemas.settings import Settings, load_settings
from schemas.texts import TEXTS, read_texts, shipped
from tests.support.chat import Chat, policy_of

SPANISH, PORTUGUESE = shipped("es").settings, shipped("pt").settings
# A French file with nothing but what every file has, and one template.
FRENCH = {
    "unnamed_agent": "votre conseiller",
    "summary_sentence": "Nous avons parlé de : {summary}",
    "first_message_text": "Bonjour {client_name} ! {summary}",
    "twilio_first_message_content_sid": "HX" + "f" * 32,
    "twilio_first_message_content_variables": '{"1": "{client_name}"}',
}


def begun(language: object, **settings: object) -> Chat:
    """A chat whose first message is being sent."""
    chat = Chat(policy=policy_of(**settings))
    chat.call(call_metadata={"client_name": "Ana", "language": language})
    return greeting(chat)


def greeting(chat: Chat, summary: str | None = None) -> Chat:
    details = i.CallDetails(call_id=chat.state.call_id, summary=summary, duration_secs=61)
    chat.give(i.DetailsFetched(call_id=chat.state.call_id, details=details, slot=True))
    return chat


def sending(chat: Chat) -> Part:
    chat.take_slot()
    return chat.sends()[0].part


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "fr.json").write_text(json.dumps(FRENCH))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("language", "hello"),
    [
        ("pt", "Olá, Ana!"),
        ("pt-BR", "Olá, Ana!"),
        (" PT_br ", "Olá, Ana!"),
        ("es", "¡Hola Ana!"),
        (None, "¡Hola Ana!"),
        ("xx", "¡Hola Ana!"),
        ("portugués", "¡Hola Ana!"),
        (7, "¡Hola Ana!"),
    ],
)
def test_the_calls_language_chooses_the_first_message(language: object, hello: str) -> None:
    assert sending(begun(language)).body.startswith(hello)


def test_what_we_say_later_is_in_the_same_language() -> None:
    chat = begun("pt")
    chat.accept()
    chat.write("STOP")
    assert sending(chat).body == PORTUGUESE["opt_out_text"]
    chat = begun("pt")
    chat.accept()
    chat.write("¿precio?", "SM9")
    chat.give(i.AgentFailed(question=("SM9",), retryable=False, why="gone"))
    assert sending(chat).body == PORTUGUESE["apology_text"]


def test_a_later_call_changes_the_language() -> None:
    chat = begun("pt")
    chat.accept()
    chat.call("conv_2", call_metadata={"client_name": "Ana"})
    assert sending(greeting(chat)).body.startswith("¡Hola Ana!")


def test_the_usual_language_is_a_setting() -> None:
    assert sending(begun(None, texts_language="pt")).body.startswith("Olá, Ana!")
    assert sending(begun("es", texts_language="pt")).body.startswith("¡Hola Ana!")


def test_a_text_that_is_set_wins_over_every_file() -> None:
    assert sending(begun("pt", first_message_text="Oi {client_name}")).body == "Oi Ana"


def test_a_folder_adds_a_language_whose_templates_are_its_own(folder: str) -> None:
    chat = begun("fr", texts_dir=folder, twilio_first_message_content_sid="HX" + "0" * 32)
    filled = {"content_sid": FRENCH["twilio_first_message_content_sid"], "content_variables": {"1": "Ana"}}
    assert (sending(chat).body, sending(chat).content) == ("Bonjour Ana !", filled)
    assert begun("fr", texts_dir=folder).state.language == "fr"


def test_the_summary_is_quoted_in_the_texts_language() -> None:
    said = "O cliente quer saber o preço do plano e pediu para a equipe falar com ele."
    chat = Chat(policy=policy_of(first_message_summary="on"))
    chat.call(call_metadata={"client_name": "Ana", "language": "pt"})
    assert "Sobre o que conversamos: O cliente quer" in sending(greeting(chat, said)).body


def test_every_language_that_ships_has_every_text() -> None:
    for language, texts in read_texts(None).items():
        assert set(texts.settings) == set(TEXTS), language
    assert {name: getattr(load_settings({}), name) for name in TEXTS} == SPANISH
    assert set(TEXTS) <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "fr.json: not JSON"),
        ("[]", "must be a JSON object"),
        ('{"hola": "x"}', "unknown: hola"),
        ("{}", "missing: unnamed_agent, summary_sentence"),
    ],
)
def test_a_malformed_file_is_named_at_the_start(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "fr.json").write_text(content)
    with pytest.raises(ConfigurationError, match=why):
        policy_of(texts_dir=str(tmp_path))
    assert why in problems(load_settings({}, texts_dir=str(tmp_path)))[0]


def test_a_wrong_placeholder_and_a_language_without_a_file_are_named(folder: str) -> None:
    (Path(folder) / "fr.json").write_text(json.dumps(FRENCH | {"first_message_text": "{nom}"}))
    assert "fr.json: first_message_text" in problems(load_settings({}, texts_dir=folder))[0]
    assert (
        "TEXTS_LANGUAGE: no texts in 'it'; there are: es, pt"
        in problems(load_settings({}, texts_language="it"))[0]
    )


def test_what_is_no_language_is_none() -> None:
    assert [CallMetadata(language=each).language for each in ("zh-Hans", "english", "", "p", None)] == [
        "zh",
        *[None] * 4,
    ]
