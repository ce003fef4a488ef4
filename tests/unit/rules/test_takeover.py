"""Who speaks: the agent, a person of the team, nobody."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import Withdrawn
from tests.support.chat import Chat, talking, types

TEXTS = {"handoff_text": "Te paso con alguien", "handoff_words": "asesor", "handoff_phrase": "[humano]"}


def chatting(**settings: object) -> Chat:
    return talking(**(TEXTS | settings))


def asked(chat: Chat) -> list[str]:
    return [each.text for effect in chat.lane() if isinstance(effect, f.AskAgent) for each in effect.question]


def test_a_client_who_asks_for_a_person_gets_one_and_the_agent_is_silent() -> None:
    chat = chatting()
    chat.write("¿precio?")
    told = types(chat.write("asesor"))
    assert told == ["received", "escalated", "unanswered", "answered"]
    chat.accept()
    assert types(chat.write("¿hola?")) == ["received"]
    assert types(chat.write("asesor")) == ["received"], "asked for already"
    assert (chat.said()[1:], chat.lane(), chat.state.status) == (["Te paso con alguien"], [], "escalated")
    assert chat.tables.said("inbound") == ["¿precio?", "asesor", "¿hola?", "asesor"]
    assert chat.tables.row["status"] == "escalated"


def test_the_backend_is_told_of_it() -> None:
    chat = chatting()
    chat.write("asesor")
    [post] = chat.tables.posts.values()
    assert (post["type"], post["data"]["by"], post["state"]["status"]) == ("escalated", "client", "escalated")


def test_the_agent_asks_for_a_person_by_a_phrase_that_is_not_shown() -> None:
    chat = chatting()
    chat.write("quiero quejarme")
    assert types(chat.answer("Claro [humano]")) == ["answered", "escalated"]
    chat.accept()
    assert (chat.said()[1:], chat.state.status) == (["Claro"], "escalated")


def test_the_agent_asks_for_a_person_by_a_tool() -> None:
    chat = chatting()
    chat.write("quiero quejarme")
    chat.answer("", tools=("transfer_to_human",))
    chat.accept()
    assert (chat.said()[1:], chat.state.status) == (["Te paso con alguien"], "escalated")


def test_the_agent_ends_the_conversation_and_a_message_opens_it_again() -> None:
    chat = chatting()
    chat.write("adiós")
    assert types(chat.answer("Hasta pronto", ended=True)) == ["answered", "closed"]
    chat.accept()
    assert (chat.state.status, chat.tables.row["closed_at"]) == ("closed", chat.now)
    chat.write("una cosa más")
    assert (chat.state.status, chat.tables.row["closed_at"], asked(chat)) == (
        "active",
        None,
        ["una cosa más"],
    )


def test_a_client_who_wrote_while_the_agent_ended_has_opened_it_again() -> None:
    chat = chatting()
    chat.write("adiós", "SM1")
    chat.write("una cosa más", "SM2")
    chat.give(i.AgentAnswered(question=("SM1",), text="Hasta pronto", reply={}, seconds=1.0, ended=True))
    chat.accept()
    assert (chat.state.status, asked(chat)) == ("active", ["una cosa más"])


def test_the_agent_does_not_undo_what_a_person_did_meanwhile() -> None:
    chat = chatting()
    chat.write("adiós", "SM1")
    chat.command("escalate")
    late = i.AgentAnswered(question=("SM1",), text="Hasta pronto", reply={}, seconds=1.0, ended=True)
    assert (chat.give(late), chat.state.status) == ([], "escalated")


def test_an_operator_takes_over_writes_and_gives_back() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.command("escalate", by="ana", reason="porque sí")
    assert chat.lane() == []
    chat.command("write", by="ana", text="Soy Ana")
    chat.accept()
    chat.command("resume", by="ana")
    chat.write("¿y ahora?")
    assert asked(chat) == ["¿y ahora?"]
    assert chat.said()[1:] == ["Soy Ana"]
    escalated = next(each for each in chat.tables.posts.values() if each["type"] == "escalated")
    assert (escalated["data"]["operator"], escalated["data"]["reason"]) == ("ana", "porque sí")


def test_what_the_agent_said_and_was_not_sent_is_withdrawn_when_a_person_takes_over() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno\n\ndos", slot=False)
    assert types(chat.command("escalate")) == ["escalated", "withdrawn", "commanded"]
    assert (chat.lane(), chat.state.turn) == ([], None)


def test_what_is_being_sent_then_is_awaited() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno\n\ndos")
    chat.command("escalate")
    chat.accept()
    assert chat.said()[1:] == ["uno"]


@pytest.mark.parametrize("seconds", [0, 1])
@pytest.mark.parametrize(("command", "reason"), [("escalate", "escalated"), ("close", "closed")])
def test_what_was_being_sent_then_and_was_not_made_is_withdrawn(
    command: str, reason: str, seconds: int
) -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno\n\ndos")
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="reset"))
    chat.now += timedelta(seconds=seconds)
    chat.command(command)
    [withdrawn] = chat.give(i.LookupDone(own_id=own_id, absent=True))
    assert isinstance(withdrawn, Withdrawn)
    assert (withdrawn.own_ids, withdrawn.reason) == ((own_id,), reason)
    assert (chat.lane(), chat.state.is_idle) == ([], True)


def test_what_the_agent_says_after_it_was_given_back_is_sent_again() -> None:
    chat = chatting()
    chat.command("escalate")
    chat.passes(seconds=1)
    chat.command("resume")
    chat.write("¿precio?")
    chat.answer("uno")
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendNotMade(own_id=own_id, why="429"))
    chat.passes(seconds=5)
    chat.accept()
    assert chat.said()[1:] == ["uno"]


def test_who_is_asked_for_comes_behind_what_is_being_sent() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno\n\ndos")
    chat.write("asesor")
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos", "Te paso con alguien"]


def test_the_agent_is_told_once_what_was_said_while_a_person_stood_in() -> None:
    chat = chatting()
    chat.write("¿precio?")
    first = chat.now
    chat.passes(seconds=5)
    chat.write("asesor")
    chat.accept()
    chat.passes(minutes=5)
    chat.command("resume")
    chat.write("¿y bien?")
    [ask] = [effect for effect in chat.lane() if isinstance(effect, f.AskAgent)]
    assert ask.meanwhile_since == first, "what it was not asked about is told as well"
    chat.answer(caught_up=True)
    chat.accept()
    chat.write("gracias")
    [ask] = [effect for effect in chat.lane() if isinstance(effect, f.AskAgent)]
    assert ask.meanwhile_since is None


def test_neither_an_operators_text_nor_an_apology_counts_as_having_told_the_agent() -> None:
    chat = chatting()
    chat.write("asesor")
    chat.accept()
    chat.command("write", text="Soy Ana")
    chat.accept()
    chat.command("resume")
    chat.write("¿precio?", "SM9")
    chat.give(i.AgentFailed(question=("SM9",), retryable=False, why="gone", slot=True))
    chat.accept()
    assert chat.state.said_meanwhile_since is not None


def test_what_was_not_told_at_a_second_takeover_is_told_with_it() -> None:
    chat = chatting()
    chat.command("escalate")
    since = chat.state.said_meanwhile_since
    chat.command("resume")
    chat.passes(hours=1)
    chat.command("escalate")
    assert since is not None
    assert chat.state.said_meanwhile_since == since


def test_silence_closes_and_a_forgotten_escalation_goes_back() -> None:
    chat = chatting(conversation_idle_close_hours=72, escalated_resume_hours=24)
    assert chat.due() == chat.now + timedelta(hours=72)
    assert chat.passes(hours=71) == []
    assert types(chat.passes(hours=1)) == ["closed"]
    assert chat.due() is None
    chat.write("asesor")
    chat.accept()
    assert types(chat.passes(hours=24)) == ["resumed"]
    assert [each["data"]["by"] for each in chat.tables.posts.values()] == ["client", "time"]


def test_what_a_person_writes_keeps_the_conversation_theirs() -> None:
    chat = chatting(escalated_resume_hours=24)
    chat.write("asesor")
    chat.accept()
    chat.passes(hours=20)
    chat.command("write", text="Sigo aquí")
    chat.accept()
    assert chat.passes(hours=5) == []
    assert types(chat.passes(hours=19)) == ["resumed"]


def test_no_silence_while_something_is_open() -> None:
    chat = chatting(conversation_idle_close_hours=1)
    chat.write("¿precio?")
    assert chat.passes(hours=2) == []


def test_zero_hours_are_never() -> None:
    chat = chatting(conversation_idle_close_hours=0, escalated_resume_hours=0)
    assert chat.due() is None
    chat.command("escalate")
    assert chat.due() is None


def test_who_was_given_back_after_long_silence_is_not_closed_at_once() -> None:
    chat = chatting(conversation_idle_close_hours=48)
    chat.exchange()
    chat.passes(hours=49)
    assert chat.state.status == "closed"
    chat.now += timedelta(hours=10)
    assert types(chat.command("resume")) == ["resumed", "commanded"]
    assert types(chat.passes(hours=47)) == []
    assert types(chat.passes(hours=1)) == ["closed"]


def test_an_escalation_of_long_ago_that_is_given_back_is_not_closed_at_once() -> None:
    chat = chatting(conversation_idle_close_hours=48, escalated_resume_hours=0)
    chat.exchange()
    chat.command("escalate")
    chat.passes(hours=49)
    chat.command("resume")
    assert types(chat.passes(hours=47)) == []
    assert chat.state.status == "active"


@pytest.mark.parametrize(
    ("takes_over", "status"),
    [
        (lambda chat: chat.command("escalate"), "escalated"),
        (lambda chat: chat.command("close"), "closed"),
        (lambda chat: chat.write("asesor"), "escalated"),
    ],
    ids=["escalate", "close", "the client asks"],
)
def test_a_call_that_waited_when_a_person_took_over_does_not_undo_it(
    takes_over: Callable[[Chat], object], status: str
) -> None:
    chat = chatting()
    chat.write("¿precio?")
    assert types(chat.call("conv_2")) == ["queued"]
    chat.now += timedelta(seconds=1)
    takes_over(chat)
    chat.accept()
    chat.greet()
    assert (chat.state.status, chat.state.elevenlabs_conversation_id) == (status, "conv_2")
    [row] = chat.tables.conversations.values()
    assert (row["status"], row["closed_at"] is not None) == (status, status == "closed")
    assert [said.startswith("¡Hola Ana!") for said in chat.said()].count(True) == 2, "the call has its own"


def test_a_call_after_a_takeover_begins_anew_with_the_agent() -> None:
    chat = chatting()
    chat.command("close")
    chat.now += timedelta(seconds=1)
    chat.call("conv_2")
    assert chat.state.status == "active"
