"""Twilio's 24-hour window: what the vendor finds outside it (63016) is sent once more, as a template."""

from datetime import timedelta

from rules.events import Answered, DeliveryFailed
from tests.support.chat import Chat, talking, types

FIRST = {
    "twilio_first_message_content_sid": "HXfirst",
    "twilio_first_message_content_variables": '{"1": "{client_name}"}',
}
REOPENING = {
    "twilio_reopen_content_sid": "HXopen",
    "twilio_reopen_content_variables": '{"1": "{client_name}: {text}"}',
}


def outside(chat: Chat, place: int = -1) -> list[str]:
    return types(chat.fails(chat.sent_ids()[place], "outside_window", "63016"))


def last_send(chat: Chat) -> dict[str, object]:
    return list(chat.tables.sends.values())[-1]


def test_it_is_repeated_once_as_a_template_never_in_a_loop() -> None:
    chat = talking(**REOPENING)
    chat.exchange()
    assert outside(chat) == ["failed"]
    chat.passes(seconds=2)
    chat.accept()
    assert (last_send(chat)["turn_kind"], last_send(chat)["content"]) == (
        "again:reply",
        {"content_sid": "HXopen", "content_variables": {"1": "Ana: Cuesta 20"}},
    )
    assert outside(chat) == ["failed"]
    assert outside(chat, -2) == []
    chat.passes(hours=1)
    assert (chat.lane(), len(chat.said())) == ([], 3)


def test_the_first_messages_own_template_says_it_again() -> None:
    chat = talking(**FIRST, **REOPENING)
    chat.write("hola")
    chat.answer("buenas")
    chat.accept()
    chat.call("conv_2")
    chat.greet()
    outside(chat)
    chat.passes(seconds=2)
    assert chat.lane()[0].part.content == {  # type: ignore[union-attr]
        "content_sid": "HXfirst",
        "content_variables": {"1": "Ana"},
    }


def test_a_template_is_never_repeated() -> None:
    chat = talking(**FIRST)
    [failed] = chat.fails(chat.sent_ids()[0], "outside_window", "63016")
    assert isinstance(failed, DeliveryFailed)
    assert failed.came_back is None


def test_the_parts_of_an_answer_are_repeated_as_one() -> None:
    chat = talking(**REOPENING)
    chat.exchange(text="uno\n\ndos")
    outside(chat, -2)
    chat.passes(seconds=1)
    outside(chat, -1)
    chat.passes(seconds=2)
    chat.accept()
    assert last_send(chat)["content"] == {"content_sid": "HXopen", "content_variables": {"1": "Ana: uno dos"}}


def test_without_a_template_it_stays_failed() -> None:
    chat = talking()
    chat.exchange()
    outside(chat)
    assert types(chat.passes(seconds=2)) == ["withdrawn", "escalated"], (
        "nothing can be said: a person takes over"
    )
    assert (chat.state.is_idle, list(chat.tables.sends.values())[-1]["state"]) == (True, "accepted")


def test_a_repetition_waits_for_what_is_open() -> None:
    chat = talking(**REOPENING)
    chat.exchange()
    chat.write("¿y otra?")
    outside(chat)
    chat.passes(minutes=1)
    chat.answer("otra\n\nmás")
    chat.accept()
    assert chat.said()[-3:-1] == ["otra", "más"]
    assert last_send(chat)["content"] == {
        "content_sid": "HXopen",
        "content_variables": {"1": "Ana: Cuesta 20"},
    }


def test_the_window_begins_with_the_clients_last_message() -> None:
    chat = talking(**REOPENING)
    chat.exchange()
    chat.passes(hours=23)
    chat.command("write", text="uno")
    chat.accept()
    assert last_send(chat)["content"] is None
    chat.passes(hours=1)
    chat.command("write", text="dos")
    chat.accept()
    assert last_send(chat)["content"] is not None


def test_our_own_short_texts_fit_the_window_too() -> None:
    chat = talking(**REOPENING, opt_out_text="Adiós")
    [*_, answered] = chat.write("STOP", received_at=chat.now - timedelta(days=2))
    assert isinstance(answered, Answered)
    assert answered.parts[0].content == {"content_sid": "HXopen", "content_variables": {"1": "Ana: Adiós"}}
