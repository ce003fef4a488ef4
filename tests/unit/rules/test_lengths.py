"""Whatever comes from outside, an event fits into a default-size Kafka record, and says where it was cut."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import effects as f
from rules.codec import logged, published
from rules.events import Answered, Commanded, Event, Received, Recorded
from rules.lengths import LARGEST_EVENT, LONGEST_TEXT, cut
from schemas.elevenlabs_call import details
from schemas.errors import RetryableError
from schemas.events import ConversationEvent
from tests.support.chat import NUMBER, Chat, talking

# Of Kafka, where nobody has set another.
_BROKERS_OWN = 1_000_000
# Six bytes a character in JSON.
_WORST = "\x01" * 2_000_000


def value_of(chat: Chat, event: Event) -> bytes:
    recorded = Recorded(conversation_id=1, number=1, at=chat.now, event=event)
    return published(logged(recorded, chat.state, 1), NUMBER, 1)[0]


@given(st.text(max_size=60), st.integers(2, 40))
def test_what_is_cut_is_a_beginning_and_says_so(text: str, most: int) -> None:
    kept = cut(text, most)
    assert len(kept) <= most
    assert (
        kept == text if len(text) <= most else text.startswith(kept.removesuffix("…")) and kept.endswith("…")
    )


def test_a_cut_falls_between_words() -> None:
    assert cut("uno dos tres", 9) == "uno dos…"


@pytest.mark.parametrize("text", ["palabra " * 500_000, "x" * 4_000_000, _WORST, "😀" * 1_000_000])
def test_an_answer_without_end_is_ten_messages_and_the_journal_says_so(text: str) -> None:
    chat = talking()
    chat.write("¿precio?")
    [answered] = chat.answer(
        text, reply={"text": text, "raw": {"messages": [text]}, "transport": "websocket"}
    )
    assert isinstance(answered, Answered)
    assert (answered.full_length, len(answered.text) <= LONGEST_TEXT) == (len(text), True)
    assert answered.reply is not None
    assert answered.reply["raw"]["omitted_bytes"] > _BROKERS_OWN
    assert len(value_of(chat, answered)) <= LARGEST_EVENT < _BROKERS_OWN


def test_a_usual_answer_is_kept_as_it_came() -> None:
    chat = talking()
    chat.write("¿precio?")
    reply = {"text": "Cuesta 20", "raw": {"response": "Cuesta 20", "tools": ["crm"]}}
    [answered] = chat.answer("Cuesta 20", reply=reply)
    assert isinstance(answered, Answered)
    assert (answered.full_length, answered.reply, answered.text) == (None, reply, "Cuesta 20")


def test_a_message_without_end_is_cut_and_the_journal_says_so() -> None:
    chat = talking()
    [received] = chat.write("a" * 250_000)
    assert isinstance(received, Received)
    assert (received.full_length, len(received.content)) == (250_000, LONGEST_TEXT)
    assert chat.state.inbox[0].text == received.content


def test_a_question_is_bounded_and_what_is_left_is_the_next_one() -> None:
    chat = talking()
    for place in range(5):
        chat.write(f"{place}" + "a" * 4_999)
    first = _asked(chat)
    chat.answer("uno")
    chat.accept()
    second = _asked(chat)
    assert [len(first), len(second)] == [3, 2]
    assert not set(first) & set(second)


def test_hundreds_of_short_messages_are_more_than_one_question_too() -> None:
    chat = talking()
    for place in range(250):
        chat.write(f"y{place}")
    assert len(_asked(chat)) == 200


def _asked(chat: Chat) -> list[str]:
    [effect] = [each for each in chat.wanted() if isinstance(each, f.AskAgent)]
    return [each.event_id for each in effect.question]


def test_details_of_a_call_without_end_are_bounded_and_say_what_is_left_out() -> None:
    turns = [{"role": "user", "message": "a" * 9_000} for _ in range(1_000)]
    variables: dict[str, Any] = {f"v{n}": "b" * 3_000 for n in range(1_000)}
    known = details(
        {
            "analysis": {"transcript_summary": "c" * 5_000_000},
            "transcript": turns,
            "conversation_initiation_client_data": {"dynamic_variables": variables},
        }
    )
    assert known is not None
    kept = known.kept()
    assert kept["left_out"] == {"turns": 998, "variables": 994}
    assert len(json.dumps(kept)) < LARGEST_EVENT / 4


def test_what_fits_says_nothing_of_being_left_out() -> None:
    known = details({"analysis": {"transcript_summary": "Quiere el plan oro"}, "transcript": []})
    assert known is not None
    assert "left_out" not in known.kept()


def test_a_vendors_words_are_a_sentence() -> None:
    error = RetryableError("twilio", "x" * 10_000_000)
    assert (len(error.why), len(str(error)) < 1_100) == (1_000, True)


def a_command(payload: dict[str, Any]) -> Commanded:
    return Commanded(command_id="1", command="close", by="ana", position=1, changed=True, payload=payload)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text("abc", max_size=5), st.integers(0, 3)), st.integers(100_000, 400_000))
def test_even_what_nobody_thought_of_is_published_and_says_how_large_it_was(
    data: dict[str, int], size: int
) -> None:
    chat = talking()
    payload = {name: ["á" * size] * times for name, times in data.items()} | {"rest": ["\x02" * size]}
    value = value_of(chat, a_command(payload))
    told = ConversationEvent.from_json(value)
    assert len(value) <= LARGEST_EVENT < (told.shortened or 0)
    assert set(told.data["payload"]) == set(payload)


def test_what_cannot_be_made_to_fit_is_published_without_its_data() -> None:
    chat = talking()
    value = value_of(chat, a_command({str(n): n for n in range(100_000)}))
    assert (ConversationEvent.from_json(value).data, len(value) < 1_000) == ({}, True)
