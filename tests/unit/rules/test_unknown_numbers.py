"""Messages of a number without a conversation."""

from datetime import timedelta

from rules import effects as f
from rules import inputs as i
from tests.support.chat import Chat, policy_of, types


def unknown(**settings: object) -> Chat:
    return Chat(policy_of(unknown_number_grace_seconds=300, handoff_text="Te paso", **settings))


def asked(chat: Chat) -> list[str]:
    return [each.text for effect in chat.lane() if isinstance(effect, f.AskAgent) for each in effect.question]


def test_they_wait_for_the_call_and_are_answered_behind_its_first_message() -> None:
    chat = unknown()
    chat.write("¿me llamaste?", params={"MediaUrl0": "https://x"})
    assert (chat.tables.messages, chat.lane()) == ({}, [])
    chat.call()
    chat.greet()
    assert asked(chat) == ["¿me llamaste?"]
    chat.answer("Sí")
    chat.accept()
    assert chat.said()[1:] == ["Sí"]
    [row] = [each for each in chat.tables.messages.values() if each["direction"] == "inbound"]
    assert row["metadata"]["params"] == {"MediaUrl0": "https://x"}
    assert chat.tables.row["message_count"] == len(chat.tables.messages) == 3


def test_without_a_call_they_stay_unanswered_when_the_grace_is_over() -> None:
    chat = unknown()
    chat.write("hola")
    assert chat.due() == chat.now + timedelta(seconds=300)
    assert chat.passes(seconds=299) == []
    assert types(chat.passes(seconds=1)) == ["unanswered"]
    assert (chat.state.is_idle, chat.tables.conversations, chat.due()) == (True, {}, None)


def test_or_a_configured_agent_answers_them() -> None:
    chat = unknown(unknown_number_agent_id="agent_9")
    chat.write("hola")
    assert types(chat.passes(seconds=300)) == ["started"]
    [ask] = [effect for effect in chat.lane() if isinstance(effect, f.AskAgent)]
    assert (ask.agent_id, ask.call_id, asked(chat)) == ("agent_9", "", ["hola"])
    chat.answer("Hola")
    chat.accept()
    assert (chat.said(), chat.tables.row["client_name"], chat.state.is_idle) == (["Hola"], "Cliente", True)
    assert chat.wanted() == [], "there is no call to ask about"


def test_the_grace_begins_when_they_came_to_us() -> None:
    chat = unknown()
    chat.write("hola", received_at=chat.now - timedelta(hours=1), backfilled=True)
    assert chat.passes(seconds=299) == []
    chat.call()
    chat.greet()
    assert asked(chat) == ["hola"]


def test_nobody_is_given_up_while_a_call_may_be_on_its_way() -> None:
    chat = unknown()
    chat.write("hola")
    at = chat.now
    chat.now += timedelta(hours=1)
    assert chat.give(i.TimerFired(calls_read_until=at - timedelta(seconds=1))) == []
    assert types(chat.give(i.TimerFired(calls_read_until=at))) == ["unanswered"]


def test_a_stop_counts_and_nobody_is_told() -> None:
    chat = unknown(unknown_number_agent_id="agent_9")
    chat.write("hola")
    assert types(chat.write("STOP")) == ["received", "opted_out", "unanswered"]
    assert (chat.state.posts, chat.tables.posts) == ((), {})
    assert types(chat.call()) == ["declined"]
    chat.write("¿hola?")
    assert types(chat.passes(seconds=300)) == ["unanswered"], "the configured agent does not write to them"
    assert chat.state.is_idle


def test_a_start_undoes_it_and_is_not_the_agents() -> None:
    chat = unknown()
    chat.write("STOP")
    chat.write("ALTA")
    assert chat.tables.suppressed is None
    chat.write("hola")
    chat.call()
    chat.greet()
    assert asked(chat) == ["hola"]
    assert chat.tables.said("inbound") == ["ALTA", "hola"]


def test_a_person_who_is_asked_for_is_had_when_the_conversation_begins() -> None:
    chat = unknown()
    chat.write("hola")
    chat.write("asesor")
    chat.call()
    assert chat.state.status == "escalated"
    chat.greet()
    chat.accept()
    assert chat.said()[1:] == ["Te paso"]
    assert asked(chat) == []


def test_a_call_that_begins_nothing_leaves_them_waiting() -> None:
    chat = unknown(call_status_actions='{"voicemail": "none"}')
    chat.write("hola")
    chat.call(status="voicemail")
    chat.call("conv_2")
    chat.greet()
    assert asked(chat) == ["hola"]
