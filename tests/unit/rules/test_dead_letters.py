"""A client's message that cannot be taken up: an apology in its place; it may be given back later."""

from datetime import datetime, timedelta

from rules import inputs as i
from rules.events import Event
from tests.support.chat import NUMBER, Chat, talking, types


def chatting() -> Chat:
    return talking(apology_text="Perdona")


def bury(chat: Chat, sid: str = "SM9", at: datetime | None = None) -> list[Event]:
    buried = i.MessageBuried(event_id=sid, received_at=at or chat.now, address=f"whatsapp:{NUMBER}")
    if chat.was_seen("message", buried.identity):
        return []
    return chat.give(buried)


def test_the_client_gets_an_apology_and_the_message_may_come_again() -> None:
    chat = chatting()
    assert types(bury(chat)) == ["unanswered", "answered"]
    chat.accept()
    assert chat.said()[1:] == ["Perdona"]
    assert chat.tables.said("inbound") == []
    assert types(chat.write("¿precio?", "SM9")) == ["received"]


def test_once_however_often_it_is_buried() -> None:
    chat = chatting()
    bury(chat)
    chat.accept()
    assert bury(chat) == []
    assert chat.said()[1:] == ["Perdona"]


def test_in_its_order_among_what_was_written_before_and_after() -> None:
    chat = chatting()
    chat.write("uno")
    assert types(bury(chat)) == ["unanswered", "queued"]
    chat.write("dos")
    chat.answer("primero")
    chat.accept()
    chat.accept()
    chat.answer("segundo")
    chat.accept()
    assert chat.said()[1:] == ["primero", "Perdona", "segundo"]


def test_who_has_opted_out_or_has_a_person_is_told_nothing() -> None:
    silent = chatting()
    silent.write("BAJA")
    silent.accept()
    with_a_person = chatting()
    with_a_person.command("escalate")
    for chat in (silent, with_a_person):
        before = chat.said()
        assert types(bury(chat)) == ["unanswered"]
        assert (chat.said(), chat.lane()) == (before, [])


def test_a_number_without_a_conversation_has_nobody_to_apologise() -> None:
    chat = Chat()
    assert bury(chat) == []


def test_the_client_has_written_all_the_same_so_the_window_is_open() -> None:
    chat = chatting()
    chat.passes(hours=30)
    bury(chat, at=chat.now + timedelta(days=3000))  # whatever it says of itself
    assert chat.state.last_inbound_at == chat.now
