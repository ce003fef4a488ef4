"""Answers: one for a burst, and all in order when WhatsApp takes no more messages for one person."""

import pytest

from rules.message_split import split_message
from rules.message_text import to_whatsapp
from tests.support import http
from tests.support.outside import post_call, sent_to, steer
from tests.support.up import State, conversation_of, eventually_sync, has_come_back, write

# What comes back waits for 12 s each time, or a held turn for 15 s.
_PAIR_SECONDS = 90.0


@pytest.mark.parametrize(
    ("when", "number", "other"),
    [
        ("async", "+573138540021", "+573138540022"),
        ("sync", "+573138540023", "+573138540024"),
    ],
)
def test_who_gets_too_many_messages_gets_them_later_and_in_order(
    up: State, when: str, number: str, other: str
) -> None:
    post_call(up, f"conv_pair_{when}", number)
    post_call(up, f"conv_pair_other_{when}", other)
    steer(up, "settings", pair_burst=1, pair_seconds=1, pair_when=when)
    think(up, manner="long")
    try:
        write(up, number, "¿Cuánto cuesta?", f"SMc{number[-2:]}" + "1" * 29)
        conversation_of(
            up, number, 3 + (when == "async")
        )  # the first part; the second one is accepted, and comes back
        # An answer that left before the report came would overtake it. A refusal at once has no report.
        eventually_sync(lambda: when == "sync" or has_come_back(up, number))
        think(up, manner="normal")
        write(up, number, "¿Cuál es el horario?", f"SMc{number[-2:]}" + "2" * 29)
        write(up, other, "gracias", f"SMc{other[-2:]}" + "3" * 29)
        conversation_of(up, other, 3)
        assert len(arrived(up, number)) < 3  # while the other number is answered, this one waits
        eventually_sync(lambda: len(arrived(up, number)) >= 3, _PAIR_SECONDS)
    finally:
        steer(up, "settings", pair_burst=0)
        think(up, manner="normal")
    said = [
        row["reply"] for row in http.get(up["elevenlabs_url"] + "/_sim/ledger").json() if row["who"] == number
    ]
    assert arrived(up, number) == [part for reply in said for part in split_message(to_whatsapp(reply))]


def think(up: State, **wanted: object) -> None:
    assert http.post(up["elevenlabs_url"] + "/_sim/settings", json=wanted).is_success


def arrived(up: State, number: str) -> list[str]:
    """Return what the client has read since the call, in the order in which it was sent."""
    return [row["body"] for row in sent_to(up, number) if row["status"] == "read" and not row["content_sid"]]


def test_a_burst_gets_one_answer(up: State) -> None:
    number = "+573138540009"
    post_call(up, "conv_burst", number)
    for place, body in enumerate(("hola", "una pregunta", "¿cuánto cuesta?")):
        write(up, number, body, f"SM7{place:031x}")
    chat = conversation_of(up, number, 5)
    assert [message["direction"] for message in chat["messages"]] == [
        "outbound",
        *["inbound"] * 3,
        "outbound",
    ]


def test_the_same_words_twice_get_one_answer(up: State) -> None:
    number, question = "+573138540077", "¿Cuánto cuesta el plan de oro?"
    post_call(up, "conv_twice", number)
    for place in range(2):
        write(up, number, question, f"SMd{place:031x}")
    chat = conversation_of(up, number, 4)
    assert [message["direction"] for message in chat["messages"]] == [
        "outbound",
        "inbound",
        "inbound",
        "outbound",
    ]
    write(up, number, "¿Y el de plata?", "SMe" + "0" * 31)
    conversation_of(up, number, 6)
    asked = [
        row["text"] for row in http.get(up["elevenlabs_url"] + "/_sim/ledger").json() if row["who"] == number
    ]
    assert asked == [question, "¿Y el de plata?"]
