"""A lead that is called several times and never reached is written to once."""

from rules import effects as f
from rules import inputs as i
from schemas.events import CallCompleted
from tests.support.chat import NUMBER, Chat, types


def attempt(chat: Chat, conversation: str, status: str = "no_response", batch_id: str = "b1") -> list[str]:
    recipient = {
        "phone_number": NUMBER,
        "conversation_id": conversation,
        "status": status,
        "id": f"lead_{batch_id[1:]}",
    }
    return types(chat.call(conversation, recipient=recipient, batch_id=batch_id))


def test_a_later_attempt_has_the_first_ones_message_as_its_outcome() -> None:
    chat = Chat()
    attempt(chat, "conv_1")
    chat.greet()
    assert attempt(chat, "conv_2") == ["declined"]
    first = chat.tables.outcome("call", "conv_1")["sid"]
    assert chat.tables.outcome("call", "conv_2") == {"state": "done", "sid": first}


def test_an_attempt_that_waited_behind_the_first_is_known_too() -> None:
    chat = Chat()
    attempt(chat, "conv_1")
    assert attempt(chat, "conv_2") == ["queued"]
    chat.greet()
    assert chat.tables.outcome("call", "conv_2")["sid"] == chat.tables.outcome("call", "conv_1")["sid"]
    assert len(chat.said()) == 1


def test_another_lead_of_the_same_number_in_between_does_not_make_it_new() -> None:
    chat = Chat()
    for conversation, batch_id in (("conv_1", "b1"), ("conv_2", "b2")):
        assert attempt(chat, conversation, batch_id=batch_id)[0] == "started"
        chat.greet()
    first = chat.tables.outcome("call", "conv_1")["sid"]
    assert attempt(chat, "conv_3", batch_id="b1") == ["declined"]
    assert chat.tables.outcome("call", "conv_3")["sid"] == first
    assert attempt(chat, "conv_4", batch_id="b2") == ["declined"]
    assert attempt(chat, "conv_5", "completed", batch_id="b1")[0] == "started", "it was reached"
    chat.greet()
    assert attempt(chat, "conv_6", batch_id="b2") == ["declined"]
    assert attempt(chat, "conv_7", batch_id="b1")[0] == "started", "the newest call of that lead was answered"


def test_who_is_a_lead_of_ever_new_campaigns_is_remembered_as_one_of_a_few() -> None:
    chat = Chat()
    for number in range(12):
        attempt(chat, f"conv_{number}", batch_id=f"b{number}")
        chat.greet()
    assert [each.batch_id for each in chat.state.leads] == [f"b{number}" for number in range(3, 11)]


def test_a_call_that_was_answered_and_another_lead_or_campaign_begin_anew() -> None:
    for status, batch_id in (("completed", "b1"), ("no_response", "b2")):
        chat = Chat()
        attempt(chat, "conv_1")
        chat.greet()
        assert attempt(chat, "conv_2", status, batch_id)[0] == "started"


def test_an_attempt_whose_message_was_refused_does_not_count() -> None:
    chat = Chat()
    attempt(chat, "conv_1")
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="unknown number", code="21211"))
    assert attempt(chat, "conv_2")[0] == "started"


def test_what_the_sends_of_another_conversation_tell_counts() -> None:
    chat = Chat()
    body = {
        "agent_id": "agent_1",
        "recipient": {"phone_number": NUMBER, "conversation_id": "c", "status": "failed"},
    }
    given = i.CallEnded(call=CallCompleted.from_object(body), received_at=chat.now, followed_up="MM7")
    assert types(chat.give(given)) == ["declined"]
    assert chat.tables.outcome("call", "c") == {"state": "done", "sid": "MM7"}


def unconnected(chat: Chat, **over: object) -> list[str]:
    recipient = {"phone_number": NUMBER, "conversation_id": None, "status": None, "id": "lead_1"} | over
    return types(chat.call(recipient=recipient, batch_id="b1"))


def test_a_call_that_never_connected_gets_its_text_and_elevenlabs_is_asked_nothing() -> None:
    chat = Chat()
    assert unconnected(chat)[0] == "started"
    [fetch] = chat.wanted()
    assert isinstance(fetch, f.FetchDetails)
    assert fetch.call_id == ""
    chat.greet(summary=None, seconds=None)
    assert chat.said() == [
        chat.policy.statuses.opening("no_answer").text.format(client_name="Ana", agent_name="Sofía")
    ]
    assert (chat.state.lookups, chat.wanted()) == (None, [])
    chat.write("¿Quién es?")
    [ask] = chat.wanted()
    assert isinstance(ask, f.AskAgent)
    assert ask.call_id == ""


def test_its_later_attempt_is_the_same_call_and_one_that_connects_begins_anew() -> None:
    chat = Chat()
    unconnected(chat)
    chat.greet(summary=None, seconds=None)
    assert unconnected(chat, status="busy") == []
    assert attempt(chat, "conv_2") == ["declined"]
    assert attempt(chat, "conv_3", "completed")[0] == "started"
