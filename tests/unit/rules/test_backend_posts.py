"""A signed POST tells the backend, and is repeated until the backend has taken it."""

from datetime import timedelta

from rules import effects as f
from rules import inputs as i
from tests.support.chat import Chat, talking, types


def told(chat: Chat) -> list[f.TellBackend]:
    return [effect for effect in chat.wanted() if isinstance(effect, f.TellBackend)]


def answer(chat: Chat, post: f.TellBackend, problem: str | None = None) -> list[str]:
    given = i.BackendAnswered(conversation_id=post.conversation_id, number=post.number, problem=problem)
    return types(chat.give(given))


def escalated() -> Chat:
    chat = talking(backend_events="escalated, resumed", handoff_text="-")
    chat.write("asesor")
    return chat


def test_it_is_told_until_it_takes_it_ever_more_rarely() -> None:
    chat, waits, ids = escalated(), [], set()
    for _ in range(10):
        [post] = told(chat)
        ids.add(post.id)
        answer(chat, post, "HTTP 503")
        assert told(chat) == []
        due = chat.state.posts[0].due
        assert due is not None
        waits.append((due - chat.now).total_seconds())
        chat.passes(seconds=waits[-1])
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert len(ids) == 10
    assert answer(chat, told(chat)[0]) == ["posted"]
    assert (told(chat), chat.tables.posts) == ([], {})


def test_posts_go_in_their_order() -> None:
    chat = escalated()
    chat.command("resume")
    [first] = told(chat)
    answer(chat, first)
    [second] = told(chat)
    assert first.number < second.number
    assert [post["type"] for post in chat.tables.posts.values()] == ["resumed"]


def test_after_a_day_it_is_not_told_any_more() -> None:
    chat = escalated()
    [post] = told(chat)
    chat.now += timedelta(hours=25)
    assert answer(chat, post, "HTTP 503") == ["posted"]
    assert chat.tables.posts == {}


def test_an_answer_to_what_it_has_taken_already_changes_nothing() -> None:
    chat = escalated()
    [post] = told(chat)
    answer(chat, post)
    assert answer(chat, post) == []


def test_it_is_told_of_what_is_configured_alone() -> None:
    chat = talking(backend_events="-", handoff_text="-")
    chat.write("asesor")
    assert told(chat) == []


def test_a_client_is_answered_while_the_backend_is_away() -> None:
    chat = escalated()
    chat.command("resume")
    chat.write("¿precio?")
    chat.answer("20")
    chat.accept()
    assert chat.said()[1:] == ["20"]


def test_an_answer_about_a_conversation_that_was_erased_is_nobodys() -> None:
    chat = escalated()
    [post] = told(chat)
    chat.command("erase")
    chat.call("conv_2")
    chat.command("escalate")
    [another] = told(chat)
    assert post.id != another.id
    late = i.BackendAnswered(conversation_id=post.conversation_id, number=another.number)
    assert chat.give(late) == []
