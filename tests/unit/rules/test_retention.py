"""What is kept only for a time."""

from rules import inputs as i
from rules.codec import data_of, event_of, type_of
from rules.evolve import evolve
from rules.state import Conversation
from tests.support.chat import NUMBER, Chat, talking, types


def expired(chat: Chat, message_ids: tuple[int, ...]) -> i.MessagesExpired:
    assert chat.state.id is not None
    return i.MessagesExpired(conversation_id=chat.state.id, message_ids=message_ids)


def test_messages_go_after_their_time_and_the_count_follows() -> None:
    chat = talking()
    chat.exchange()
    old = tuple(chat.tables.messages)[:2]
    assert types(chat.give(expired(chat, old))) == ["expired"]
    assert chat.tables.row["message_count"] == chat.state.message_count == len(chat.tables.messages) == 1
    assert chat.give(expired(chat, ())) == []


def test_what_expires_in_the_middle_of_a_turn_changes_nothing_of_it() -> None:
    chat = talking()
    chat.write("¿precio?")
    before = chat.lane()
    chat.give(expired(chat, tuple(chat.tables.messages)))
    assert chat.lane() == before
    chat.answer()
    chat.accept()
    assert chat.tables.row["message_count"] == 1


def test_after_a_snapshot_the_fold_needs_nothing_of_before() -> None:
    chat = talking()
    chat.write("¿precio?")
    assert types(chat.give(i.LogPurged())) == ["snapshot"]
    purged = len(chat.events) - 1
    chat.answer("uno\n\ndos")
    chat.accept()
    state = Conversation(key=NUMBER)
    for recorded in chat.events[purged:]:
        assert event_of(type_of(recorded.event), data_of(recorded.event)) == recorded.event
        state = evolve(state, recorded)
    assert state == chat.state


def test_messages_of_a_conversation_that_was_erased_meanwhile_count_no_more() -> None:
    chat = talking()
    late = expired(chat, tuple(chat.tables.messages))
    chat.command("erase")
    chat.call("conv_2")
    chat.greet()
    assert chat.give(late) == []
    assert chat.state.message_count == 1


def test_of_nothing_no_snapshot_is_made() -> None:
    assert Chat().give(i.LogPurged()) == []
    chat = talking()
    chat.command("erase")
    assert chat.give(i.LogPurged()) == []
