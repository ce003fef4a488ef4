"""A conversation's behaviour: what holds others back, events that came before, and what is measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from rules import inputs as i
from rules.policy import Policy
from rules.state import Conversation
from rules.turns import Wait
from streams.actors.behaviour import Conversations, transition
from streams.actors.telemetry import observe
from streams.actors.values import Actor, Stored, Told
from tests.support.chat import NUMBER, Chat, fresh, policy_of, talking


def behaviour(
    policy: Policy, repeated: list[None] | None = None, seen: tuple[tuple[str, str], ...] = ()
) -> Conversations:
    counted = [] if repeated is None else repeated
    return Conversations(
        policy,
        fresh(),
        seen=lambda event: event in seen,
        calls_read_until=lambda: datetime.now(UTC),
        now=lambda: 0.0,
        repeated=lambda: counted.append(None),
    )


def open_work(chat: Chat) -> int:
    return behaviour(chat.policy).open_work(Actor(chat.state, Stored()))


def test_what_can_go_on_is_open_work() -> None:
    chat = talking()
    assert open_work(chat) == 0
    chat.write("¿precio?")
    assert open_work(chat) == 1
    chat.answer()
    assert open_work(chat) == 1
    chat.accept()
    assert open_work(chat) == 0


def test_what_a_client_wrote_in_an_outage_takes_the_room_of_one_message_until_it_is_much() -> None:
    chat = talking()
    for place in range(25):
        chat.write(f"mensaje {place}")
        assert open_work(chat) == 1
    chat.write("y otro")
    assert open_work(chat) == 2


def test_a_first_message_that_waits_for_its_time_holds_nobody_back() -> None:
    chat = Chat(policy=policy_of(campaign_messages_per_minute=1))
    chat.call(batch_id="campaign")
    assert open_work(chat) == 1
    assert chat.state.turn is not None
    chat.give(i.CampaignSlot(turn_id=chat.state.turn.id, at=chat.now + timedelta(hours=1)))
    assert open_work(chat) == 0


def test_who_waits_for_a_call_or_for_a_vendor_that_failed_holds_nobody_back() -> None:
    stranger = Chat()
    stranger.write("hola")
    assert open_work(stranger) == 0
    chat = talking()
    chat.write("¿precio?", "SM9")
    chat.give(i.AgentFailed(question=("SM9",), retryable=True, why="HTTP 500"))
    assert isinstance(chat.state.ask_wait, Wait)
    assert open_work(chat) == 0


@pytest.mark.parametrize("seen", [(), (("message", "SM9"),)])
def test_an_event_that_was_taken_up_before_comes_to_nothing_and_is_counted(
    seen: tuple[tuple[str, str], ...],
) -> None:
    chat, repeated = talking(), list[None]()
    chat.write("¿precio?", "SM9")
    message = i.MessageReceived(
        event_id="SM9", address=f"whatsapp:{NUMBER}", text="¿precio?", received_at=chat.now
    )
    told = Told(given=message, event=("message", "SM9"))
    step = behaviour(chat.policy, repeated, seen).handle(
        Actor(chat.state, Stored()), told, chat.now.timestamp()
    )
    assert (step.write, repeated) == (None, [None])


def test_an_event_that_is_told_twice_in_one_breath_is_taken_up_once() -> None:
    """Before its id is written: of a client whom a person answers nothing waits that would show it."""
    chat = talking()
    chat.command("escalate")
    message = i.MessageReceived(
        event_id="SM9", address=f"whatsapp:{NUMBER}", text="¿precio?", received_at=chat.now
    )
    told, driven = Told(given=message, event=("message", "SM9")), behaviour(chat.policy)
    first = driven.handle(Actor(chat.state, Stored()), told, chat.now.timestamp())
    assert first.write is not None
    assert driven.handle(first.state, told, chat.now.timestamp()).write is None


def asked(state: Conversation, given: i.Input, policy: Policy, now: datetime) -> tuple[str, ...]:
    """What is begun before it is written that an input came."""
    step = behaviour(policy).handle(Actor(state, Stored()), Told(given=given), now.timestamp())
    return tuple(job.id for job in step.eager)


def test_a_message_is_asked_about_while_it_is_written_and_after_an_answer_the_agent_is_told_of_it() -> None:
    chat = talking()
    message = i.MessageReceived(
        event_id="SM9", address=f"whatsapp:{NUMBER}", text="¿precio?", received_at=chat.now
    )
    assert asked(chat.state, message, chat.policy, chat.now) == ("ask:SM9:0",)
    chat.write("¿precio?", "SM9")
    chat.answer()
    chat.write("¿y el plan oro?", "SM10")
    turn = chat.state.turn
    assert turn is not None
    assert turn.next_part is not None
    accepted = i.SendAccepted(own_id=turn.next_part.own_id, sid="SM11")
    step = behaviour(chat.policy).handle(
        Actor(chat.state, Stored()), Told(given=accepted), chat.now.timestamp()
    )
    assert step.write is not None
    wanted = behaviour(chat.policy).wanted(step.state, chat.now.timestamp())
    assert ([job.id for job in wanted], step.eager) == (["ask:SM10:0"], ())


def test_a_message_whose_question_is_out_is_written_in_company_and_its_answer_at_once() -> None:
    chat = talking()
    driven, seconds = behaviour(chat.policy), chat.now.timestamp()
    asking = driven.handle(Actor(chat.state, Stored()), received("SM9", chat.now), seconds)
    assert (len(asking.eager), asking.patient) == (1, True)
    chat.write("¿precio?", "SM9")
    answer = Told(given=i.AgentAnswered(question=("SM9",), text="99", reply={}, seconds=0.3, slot=True))
    answered = driven.handle(Actor(chat.state, Stored()), answer, seconds)
    assert (len(answered.eager), answered.patient) == (0, False)


def received(sid: str, at: datetime) -> Told:
    message = i.MessageReceived(event_id=sid, address=f"whatsapp:{NUMBER}", text="¿precio?", received_at=at)
    return Told(given=message, event=("message", sid))


def test_while_nothing_is_written_an_event_is_known_however_many_come_in_between() -> None:
    """Postgres is away; a person answers this client, so that nothing waits that would show a repetition."""
    chat = talking()
    chat.command("escalate")
    driven, actor = behaviour(chat.policy), Actor(chat.state, Stored(version=3))
    for place in range(100):
        actor = driven.handle(actor, received(f"SM{place}", chat.now), chat.now.timestamp()).state
    for place in range(100):
        assert driven.handle(actor, received(f"SM{place}", chat.now), chat.now.timestamp()).write is None


def test_what_is_durable_is_remembered_by_the_store_alone() -> None:
    chat = talking()
    chat.command("escalate")
    driven, stored = behaviour(chat.policy), Stored(version=3)
    actor = driven.handle(Actor(chat.state, stored), received("SM1", chat.now), chat.now.timestamp()).state
    for sid, version in (("SM2", 4), ("SM3", 5)):
        stored.version = version
        actor = driven.handle(actor, received(sid, chat.now), chat.now.timestamp()).state
    assert actor.taken.keys() == {("message", "SM2"), ("message", "SM3")}


def counted(outcome: str, kind: str = "reply") -> tuple[float, float]:
    """How many turns came to it, and how long they took in all."""
    labels = {"kind": kind, "outcome": outcome}
    names = "whatsapp_turn_seconds_count", "whatsapp_turn_seconds_sum"
    count, total = (REGISTRY.get_sample_value(name, labels) or 0.0 for name in names)
    return count, total


def retries() -> float:
    return REGISTRY.get_sample_value("whatsapp_retries_total") or 0.0


def test_a_turn_is_measured_from_the_clients_message_to_the_acceptance_of_the_answer() -> None:
    chat, before = talking(), counted("done")
    start, told = chat.state, len(chat.events)
    chat.write("¿precio?")
    chat.now += timedelta(seconds=7)
    chat.answer()
    chat.accept()
    observe(NUMBER, transition(Actor(start, Stored()), i.Recovered(), chat.steps_from(start, told)))
    count, total = counted("done")
    assert (count - before[0], round(total - before[1], 3)) == (1, 7.0)


def undelivered(code: str) -> float:
    return REGISTRY.get_sample_value("whatsapp_undelivered_total", {"code": code}) or 0.0


def test_a_message_that_fails_by_its_report_is_counted_by_the_vendors_code() -> None:
    chat, before = talking(), undelivered("63027")
    chat.write("¿precio?")
    chat.answer()
    chat.accept()
    start, told = chat.state, len(chat.events)
    chat.fails(chat.sent_ids()[-1], "final", "63027")
    observe(NUMBER, transition(Actor(start, Stored()), i.Recovered(), chat.steps_from(start, told)))
    assert undelivered("63027") - before == 1


def test_a_question_that_is_put_off_is_held_and_asked_again() -> None:
    chat, before, tries = talking(), counted("held"), retries()
    start, told = chat.state, len(chat.events)
    chat.write("¿precio?", "SM9")
    chat.give(i.AgentFailed(question=("SM9",), retryable=True, why="HTTP 500"))
    observe(NUMBER, transition(Actor(start, Stored()), i.Recovered(), chat.steps_from(start, told)))
    assert (counted("held")[0] - before[0], retries() - tries) == (1, 1)


def test_a_state_that_cannot_be_gone_on_with_fails_before_anything_is_started() -> None:
    """Its number is to blame: what is raised once it is durable would give its whole partition up."""
    never = datetime.max.replace(tzinfo=UTC)
    actor = Actor(replace(Chat().state, parked_since=never), Stored())
    with pytest.raises(OverflowError):
        behaviour(policy_of()).handle(actor, Told(given=i.Recovered()), 0.0)
