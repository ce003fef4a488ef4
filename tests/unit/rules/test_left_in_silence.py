"""However a turn ends for good, the client who wrote hears an apology, or a person takes over."""

from collections.abc import Callable

import pytest

from rules import inputs as i
from rules.events import Answered, DeliveryFailed, StatusChanged, TurnFailed
from streams.actors.reports import failure_of
from tests.support.chat import Chat, talking, types
from web.ops.filters import agent_in_words, agent_to_do, code_in_words

APOLOGY = talking().policy.spoken.notices["apology"]


def asked(**settings: object) -> Chat:
    chat = talking(**settings)
    chat.write("¿precio?", "SM1")
    return chat


def agent(**failure: object) -> Chat:
    chat = asked()
    chat.give(
        i.AgentFailed(**({"question": ("SM1",), "retryable": False, "why": "w", "slot": True} | failure))
    )  # type: ignore[arg-type]
    return chat


def out_of_patience() -> Chat:
    chat = asked()
    while chat.lane():
        chat.give(i.AgentFailed(question=("SM1",), retryable=True, why="HTTP 500", code="500"))
        chat.passes(seconds=120)
        if chat.state.turn is not None:
            break
    return chat


def says_nothing() -> Chat:
    chat = asked()
    for _ in range(2):
        chat.give(i.AgentAnswered(question=("SM1",), text="", reply={}, seconds=1.0, slot=True))
    return chat


def refused(code: str) -> Chat:
    chat = asked()
    chat.answer("Cuesta 20")
    chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="refused", code=code))
    return chat


def burnt(code: str) -> Chat:
    chat = asked()
    chat.answer("Cuesta 20")
    chat.accept()
    chat.report(chat.sent_ids()[-1], "undelivered", failure=failure_of(code, None))
    return chat


def burnt_in_parts() -> Chat:
    chat = asked()
    chat.answer("Cuesta 20\n\nY hay descuento")
    chat.accept()
    for own_id in chat.sent_ids()[-2:]:
        chat.report(own_id, "undelivered", failure=failure_of("63013", None))
    return chat


def burnt_part_by_part() -> Chat:
    chat = asked()
    chat.answer("Cuesta 20\n\nY hay descuento")
    chat.accept()
    for own_id in chat.sent_ids()[-2:]:
        chat.report(own_id, "undelivered", failure=failure_of("63013", None))
        chat.accept()
    return chat


def burnt_again() -> Chat:
    chat = asked()
    chat.answer("Cuesta 20")
    chat.accept()
    chat.fails(chat.sent_ids()[-1], "passing", "30008")
    chat.passes(seconds=12)
    chat.accept()
    chat.report(chat.sent_ids()[-1], "undelivered", failure=failure_of("63013", None))
    return chat


def buried() -> Chat:
    chat = talking()
    chat.give(i.MessageBuried(event_id="SM1", received_at=chat.now, address=f"whatsapp:{chat.state.key}"))
    return chat


ENDINGS: list[tuple[str, Callable[[], Chat]]] = [
    ("the agent was deleted", lambda: agent(code="404")),
    ("a variable is missing (1008)", lambda: agent(code="1008")),
    ("the key may not use it", lambda: agent(code="403")),
    ("the question is not understood (422)", lambda: agent(code="422")),
    ("its model fails each time", lambda: agent(code="1002")),
    ("a code of the agent's that nobody knows", lambda: agent(code="451")),
    ("each answer is broken off", lambda: agent(code="1000")),
    ("the agent is away for too long", out_of_patience),
    ("the agent says nothing, twice", says_nothing),
    ("the text is refused at once", lambda: refused("21617")),
    ("the person cannot be reached, at once", lambda: refused("21211")),
    ("the text is refused by a report", lambda: burnt("63013")),
    ("both texts are refused by reports", burnt_in_parts),
    ("the reports on its parts come one after the apology for the other", burnt_part_by_part),
    ("what came back is refused by a report", burnt_again),
    ("an unknown code by a report", lambda: burnt("63999")),
    ("the message is a dead letter", buried),
]


@pytest.mark.parametrize("end", [end for _, end in ENDINGS], ids=[name for name, _ in ENDINGS])
def test_the_client_hears_an_apology_once(end: Callable[[], Chat]) -> None:
    chat = end()
    chat.accept()
    assert chat.said().count(APOLOGY) == 1
    assert (chat.said()[-1], chat.state.is_idle, chat.state.status) == (APOLOGY, True, "active")


def told_of(chat: Chat) -> tuple[str, str, str]:
    """Return what the console says of the end in Spanish: code's meaning, vendor's reason, what to do."""
    for event in (recorded.event for recorded in reversed(chat.events)):
        if isinstance(event, Answered) and event.problem is not None:
            code = event.problem["code"]
            return agent_in_words(code, "es"), event.problem["reason"], agent_to_do(code, "es")
        if isinstance(event, TurnFailed | DeliveryFailed) and event.code is not None:
            return code_in_words(event.code, "es"), event.reason or "", "-"
    raise AssertionError("nobody is told")


@pytest.mark.parametrize("end", [end for name, end in ENDINGS[:-1]], ids=[name for name, _ in ENDINGS[:-1]])
def test_the_console_says_why_and_what_to_do(end: Callable[[], Chat]) -> None:
    assert all(told_of(end())), "a dead letter has a page of its own"


@pytest.mark.parametrize("how", ["at once", "by a report", "of the agent's"])
def test_where_the_apology_cannot_be_sent_either_a_person_takes_over_and_sees_why(how: str) -> None:
    chat = agent(code="404") if how == "of the agent's" else refused("63013")
    if how == "by a report":
        chat.accept()
        told = chat.report(
            chat.sent_ids()[-1], "failed", failure=i.Failure(kind="final", code="63003", reason="No está")
        )
    else:
        chat.take_slot()
        told = chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="No está", code="63003"))
    changed = told[-1]
    assert isinstance(changed, StatusChanged)
    assert (changed.status, changed.by, changed.reason) == ("escalated", "vendor", "No está")
    assert chat.state.is_idle


def test_who_wants_no_messages_gets_no_apology() -> None:
    chat = asked()
    chat.answer("Cuesta 20")
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendRefused(own_id=own_id, why="unsubscribed", code="21610", by_person=True))
    assert chat.lane() == []


def test_a_first_message_is_no_answer() -> None:
    chat = talking()
    assert types(chat.fails(chat.sent_ids()[0], "final", "63003")) == ["failed"]


def test_one_after_whom_something_was_said_is_not_left_in_silence() -> None:
    chat = asked()
    chat.answer("Cuesta 20")
    chat.accept()
    first = chat.sent_ids()[-1]
    chat.exchange("¿y hoy?", "Cuesta 15")
    assert types(chat.fails(first, "final", "63013")) == ["failed"]


def test_where_a_person_is_there_already_nobody_apologises() -> None:
    chat = asked()
    chat.answer("Cuesta 20")
    chat.accept()
    chat.command("escalate")
    assert types(chat.fails(chat.sent_ids()[-1], "final", "63013")) == ["failed"]
