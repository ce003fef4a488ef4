"""Two conversations of one person become one, whatever is under way, and stay one."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.codec import state_of
from rules.events import Erased, Received
from rules.state import Conversation
from rules.turns import Waiting
from schemas.events import InboundMessage
from schemas.rows import Json
from tests.support.addresses import USER, Addresses, called
from tests.support.chat import NUMBER, Chat, policy_of
from tests.unit.rules.test_window import REOPENING

ADOPTED: Json = {"unknown_number_agent_id": "agent_9", "unknown_number_grace_seconds": 60}


def asked(chat: Chat) -> list[str]:
    return [each.text for effect in chat.lane() if isinstance(effect, f.AskAgent) for each in effect.question]


def linked(person: Addresses, text: str = "soy Ana") -> Addresses:
    person.both(text)
    person.settle()
    return person


def test_a_called_client_who_answers_from_an_id_is_answered_with_the_calls_memory() -> None:
    person = called()
    person.write(USER, "¿cuánto cuesta?")
    person.now = person.now.replace(minute=1)
    linked(person)
    chat = person.chat(NUMBER)
    assert asked(chat) == ["¿cuánto cuesta?", "soy Ana"]
    [ask] = [effect for effect in chat.lane() if isinstance(effect, f.AskAgent)]
    assert ask.call_id == "conv_1"
    chat.answer("Cuesta 20")
    chat.accept()
    assert chat.tables.said("inbound") == ["soy Ana", "¿cuánto cuesta?"]
    assert chat.tables.row["message_count"] == len(chat.tables.messages) == 4
    assert chat.tables.row["address"] == f"whatsapp:{NUMBER}", "it is written to where the number is"
    assert (person.chat(USER).tables.conversations, person.chat(USER).state.is_idle) == ({}, True)


def test_what_comes_later_is_passed_on_under_its_own_id_once() -> None:
    person = linked(called())
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    assert person.told(person.write(USER, "¿y envío?", "SM7")) == ["forwarded"]
    assert person.write(USER, "¿y envío?", "SM7") == [], "it is on its way"
    assert person.told(person.publish(USER, times=2)) == ["received"]
    assert person.told(person.write(USER, "¿y envío?", "SM7")) == []
    assert asked(chat) == ["¿y envío?"]
    received = chat.events[-1].event
    assert isinstance(received, Received)
    assert (received.via, received.address) == (USER, f"whatsapp:{NUMBER}")
    assert chat.tables.seen["message", "SM7"] == NUMBER


@pytest.mark.parametrize(
    ("is_late", "order"),
    [(False, ["uno", "dos", "tres", "cuatro"]), (True, ["cuatro", "uno", "dos", "tres"])],
)
def test_what_took_longer_to_be_passed_on_is_asked_in_its_time_unless_it_is_a_late_find(
    is_late: bool, order: list[str]
) -> None:
    person = linked(called())
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    for place, text in enumerate(("uno", "dos", "tres")):
        person.now += timedelta(seconds=1)
        person.write(USER, text, f"SM7{place}", backfilled=is_late)
    person.passes(seconds=1)
    person.both("cuatro")
    assert asked(chat) == ["cuatro"]
    assert person.settle().count("received") == 3
    assert asked(chat) == order


def test_a_letter_that_is_lost_with_its_process_goes_again() -> None:
    person = called()
    person.write(USER, "uno")
    person.both("dos")
    for key in (NUMBER, USER):
        [letter] = person.letters(key)
        person.deliver(letter)
        person.chat(key).give(i.Recovered())
        assert person.letters(key) == [letter]
        person.publish(key)
    assert (person.settle(), asked(person.chat(NUMBER))) == ([], ["uno", "dos"])


def test_an_answer_that_is_being_made_there_is_made_here() -> None:
    person = called(**ADOPTED)
    person.write(USER, "hola")
    person.passes(seconds=60)
    stranger = person.chat(USER)
    assert asked(stranger) == ["hola"]
    linked(person)
    assert stranger.lane() == []
    assert asked(person.chat(NUMBER)) == ["hola", "soy Ana"]
    assert (stranger.tables.row["status"], stranger.tables.row["metadata"]) == (
        "closed",
        {"merged_into": NUMBER},
    )
    assert len(person.chat(NUMBER).tables.said("inbound")) == 1, "the other one stays where it was written"
    assert stranger.give(i.AgentAnswered(question=("x",), text="no", reply={}, seconds=1.0)) == []


def test_what_fell_outside_the_window_there_is_said_as_a_template_and_holds_up_no_hand_over() -> None:
    person = called(**ADOPTED, **REOPENING)
    person.write(USER, "hola")
    person.passes(seconds=60)
    stranger = person.chat(USER)
    stranger.answer("Buenas")
    stranger.accept()
    person.write(USER, "¿siguen ahí?")
    [own_id] = stranger.sent_ids()
    assert person.told(stranger.fails(own_id, "outside_window", "63016")) == ["failed"]
    linked(person)
    assert (stranger.state.merging_into, asked(stranger)) == (NUMBER, [])
    person.passes(seconds=2)
    stranger.accept()
    person.settle()
    assert stranger.state.merged_into == NUMBER
    assert asked(person.chat(NUMBER)) == ["¿siguen ahí?", "soy Ana"]


def test_what_is_being_sent_there_is_sent_to_its_end() -> None:
    person = called(**ADOPTED)
    person.write(USER, "hola")
    person.passes(seconds=60)
    stranger, chat = person.chat(USER), person.chat(NUMBER)
    stranger.answer("uno\n\ndos")
    person.both("soy Ana")
    assert person.told(person.publish(NUMBER)) == ["merging"]
    own_id = stranger.sends()[0].part.own_id
    stranger.give(i.SendUnknown(own_id=own_id, why="cut"))
    person.passes(seconds=1)
    person.write(USER, "¿siguen ahí?")
    assert person.letters(USER) == []
    stranger.give(i.LookupDone(own_id=own_id, sid="MM9"))
    stranger.accept()
    assert stranger.said() == ["uno", "dos"]
    assert person.settle() == ["took_over"]
    assert asked(chat) == ["soy Ana", "¿siguen ahí?"]


def test_two_who_were_never_called_are_one_that_waits_for_its_call() -> None:
    person = Addresses()
    person.write(USER, "uno")
    linked(person, "dos")
    chat = person.chat(NUMBER)
    assert ([each.text for each in chat.state.inbox], chat.tables.messages) == (["uno", "dos"], {})
    chat.call()
    chat.greet()
    assert asked(chat) == ["uno", "dos"]
    assert chat.tables.row["message_count"] == len(chat.tables.messages) == 3


def test_a_conversation_without_a_call_goes_on_under_the_number() -> None:
    person = Addresses(policy_of(**ADOPTED))
    person.write(USER, "hola")
    person.passes(seconds=60)
    person.chat(USER).answer("Buenas")
    person.chat(USER).accept()
    person.write(USER, "¿precio?")
    linked(person)
    chat = person.chat(NUMBER)
    assert (chat.state.agent_id, asked(chat)) == ("agent_9", ["¿precio?", "soy Ana"])


def test_as_much_as_waits_is_handed_over_in_pieces() -> None:
    person = called()
    for number in range(120):
        person.write(USER, f"{number} {'x' * 1000}")
    linked(person)
    pieces = [letter for letter in person.published if letter.command["command"] == "take_over"]
    assert len(pieces) > 3
    assert len(person.chat(NUMBER).state.inbox) == 121
    assert person.chat(NUMBER).state.links[0].state == "joined"


def test_nothing_begins_before_the_last_piece() -> None:
    person = called()
    for number in range(60):
        person.write(USER, str(number))
    person.both("hola")
    person.publish(NUMBER)
    person.publish(USER)
    assert (asked(person.chat(NUMBER)), person.chat(NUMBER).state.links[0].state) == ([], "asked")
    person.publish(USER)
    assert len(asked(person.chat(NUMBER))) == 61


@pytest.mark.parametrize("first", [USER, NUMBER])
def test_a_stop_from_either_address_counts_for_both(first: str) -> None:
    person = called()
    if first == USER:
        person.write(USER, "STOP")
        linked(person)
    else:
        linked(person)
        person.write(NUMBER, "STOP")
    chat = person.chat(NUMBER)
    chat.accept()
    assert chat.state.opt_out is not None
    assert chat.tables.suppressed == {"source": "client"}
    assert person.told(chat.call("conv_2")) == ["declined"]
    assert chat.tables.outcome("call", "conv_2")["error"]["status"] == 409
    assert person.told(person.write(USER, "¿hola?")) == ["forwarded"]
    person.settle()
    assert asked(chat) == []
    person.write(USER, "ALTA")
    person.settle()
    assert (chat.state.opt_out, chat.tables.suppressed, person.chat(USER).tables.suppressed) == (
        None,
        None,
        None,
    )


def test_the_last_word_counts_whichever_address_said_it() -> None:
    person = called(backend_events="opted_out,opted_in", backend_url="http://b")
    person.write(USER, "STOP")
    person.passes(minutes=10)
    linked(person, "ALTA")
    chat = person.chat(NUMBER)
    assert (chat.state.opt_out, chat.tables.suppressed, chat.tables.posts) == (None, None, {})
    assert asked(chat) == ["ALTA"], "there was nothing to undo where it was said"


def test_a_number_that_said_stop_hears_of_a_later_start_at_the_id() -> None:
    person = called(backend_events="opted_out,opted_in", backend_url="http://b")
    person.write(NUMBER, "STOP")
    person.chat(NUMBER).accept()
    person.passes(minutes=10)
    person.write(USER, "ALTA")
    person.passes(seconds=10)
    person.both("¿hola?")
    assert person.settle()[:4] == ["merging", "merged", "opted_in", "took_over"]
    chat = person.chat(NUMBER)
    assert (chat.state.opt_out, chat.tables.suppressed, len(chat.tables.posts)) == (None, None, 2)
    assert asked(chat) == ["ALTA"]


def test_a_stop_that_came_after_the_start_at_the_id_stays() -> None:
    person = called()
    person.write(USER, "ALTA")
    person.passes(minutes=10)
    person.write(NUMBER, "STOP")
    person.chat(NUMBER).accept()
    linked(person)
    chat = person.chat(NUMBER)
    assert (chat.state.opt_out is not None, asked(chat)) == (True, [])


def test_a_stop_at_the_id_after_the_merge_is_the_numbers() -> None:
    person = linked(called())
    person.write(USER, "STOP")
    assert person.settle() == ["received", "opted_out", "unanswered", "answered"]


def test_the_backend_is_told_of_it_once() -> None:
    person = called(backend_events="opted_out", backend_url="http://b")
    person.write(USER, "STOP")
    linked(person)
    assert (len(person.chat(NUMBER).tables.posts), person.chat(USER).tables.posts) == (1, {})


def test_who_wanted_a_person_there_gets_one_here() -> None:
    person = called(handoff_text="Te paso")
    person.write(USER, "asesor")
    linked(person)
    chat = person.chat(NUMBER)
    assert (chat.state.status, asked(chat)) == ("escalated", [])
    chat.accept()
    assert chat.said()[-1] == "Te paso"


def test_where_a_person_answers_what_was_handed_over_is_theirs() -> None:
    person = called()
    person.write(USER, "hola")
    person.chat(NUMBER).command("escalate")
    linked(person)
    assert (asked(person.chat(NUMBER)), person.chat(NUMBER).state.inbox) == ([], ())
    assert person.chat(NUMBER).tables.said("inbound") == ["soy Ana", "hola"]


def test_the_window_is_of_the_person() -> None:
    person = called()
    person.write(USER, "hola")
    at = person.now
    person.now = at.replace(hour=at.hour + 1)
    person.both("soy Ana")
    person.settle()
    later = person.now
    person.now = later.replace(hour=later.hour + 1)
    person.write(USER, "¿y?")
    person.settle()
    assert person.chat(NUMBER).state.last_inbound_at == person.now


def test_an_operators_command_to_the_id_is_done_at_the_number() -> None:
    person = linked(called())
    told = person.chat(USER).command("escalate", command_id="k1", seen=99)
    assert person.told(told) == ["forwarded"]
    person.settle()
    assert person.chat(NUMBER).state.status == "escalated"
    assert person.chat(NUMBER).tables.outcome("command", "k1")["state"] == "done"


def test_a_message_of_before_that_did_not_arrive_is_not_said_again_there() -> None:
    person = called(**ADOPTED)
    person.write(USER, "hola")
    person.passes(seconds=60)
    stranger = person.chat(USER)
    stranger.answer("Buenas")
    stranger.accept()
    linked(person)
    [own_id] = stranger.sent_ids()
    assert person.told(stranger.fails(own_id, "slow", "63018")) == ["failed"]
    assert (stranger.state.came_back, stranger.lane()) == ((), [])


def test_the_vendors_refusal_there_is_an_opt_out_here() -> None:
    person = called(**ADOPTED)
    person.write(USER, "hola")
    person.passes(seconds=60)
    stranger = person.chat(USER)
    stranger.answer("Buenas")
    stranger.accept()
    linked(person)
    [own_id] = stranger.sent_ids()
    assert person.told(stranger.fails(own_id, "suppress", "63033")) == ["failed", "forwarded"]
    person.settle()
    assert person.chat(NUMBER).tables.suppressed == {"source": "twilio"}


@pytest.mark.parametrize("address", [NUMBER, USER])
def test_erased_at_either_address_nothing_is_left_at_any(address: str) -> None:
    person = called()
    person.write(USER, "hola")
    linked(person)
    assert person.told(person.chat(address).command("erase", command_id="k1")) == ["erasure_begun"]
    assert ("command", "k1") in person.chat(address).tables.seen, "later, begun anew, it is known as well"
    assert person.chat(address).command("erase", command_id="k1") == [], "it is delivered again"
    person.settle()
    for key in (NUMBER, USER):
        chat = person.chat(key)
        assert chat.state == Conversation(key=key, number=chat.state.number, erased=True)
        assert (chat.tables.conversations, chat.tables.messages, chat.tables.sends) == ({}, {}, {})
    assert person.chat(address).tables.outcome("command", "k1")["changed"] is True
    assert person.told(person.both("hola de nuevo")) == ["received", "linked"], "and it may begin anew"
    assert person.settle() == ["merging", "merged", "took_over"]


@pytest.mark.parametrize(
    ("first", "second", "until"), [(3, 5, 5), (5, 3, 5), (3, 3, 3), (3, None, None), (None, 3, None)]
)
def test_a_second_erasure_before_the_first_is_done_takes_as_much_as_both(
    first: int | None, second: int | None, until: int | None
) -> None:
    person = linked(called())
    chat = person.chat(NUMBER)
    chat.command("erase", command_id="k1", spooled_until=first)
    chat.command("erase", command_id="k2", spooled_until=second)
    person.settle()
    [erased] = [each.event for each in chat.events if isinstance(each.event, Erased)]
    assert erased.spooled_until == until
    assert chat.tables.outcome("command", "k1")["state"] == "done"
    assert chat.tables.outcome("command", "k2")["state"] == "done"


@pytest.mark.parametrize("address", [NUMBER, USER])
def test_erased_the_person_still_wants_no_messages(address: str) -> None:
    person = linked(called())
    person.write(USER, "STOP")
    person.settle()
    person.chat(NUMBER).accept()
    person.chat(address).command("erase")
    person.settle()
    assert person.chat(NUMBER).state.opt_out is not None
    assert person.told(person.chat(NUMBER).call("conv_9")) == ["declined"]


def test_what_a_replay_wants_of_the_ids_messages_is_done_at_the_number() -> None:
    person = called()
    person.write(USER, "hola", "SM7")
    linked(person)
    received = InboundMessage(
        event_id="SM7",
        received_at=person.now,
        params={"MessageSid": "SM7", "From": f"whatsapp:{USER}", "Body": "hola"},
    )
    waiting = Waiting(kind="message", event_id="SM7", at=person.now, text="hola")
    again = i.ReplayWanted(
        replay="r",
        wants="again",
        waiting=waiting,
        identity="replay:r:1",
        message=received,
        mark="r;again;t/0/1;2026-01-01",
    )
    assert person.told(person.chat(USER).give(again)) == ["forwarded"]
    [letter] = person.letters(USER)
    assert (letter.mark, letter.command["message"]["person"]) == ("r;again;t/0/1;2026-01-01", NUMBER)
    assert person.chat(USER).give(again) == []


def test_who_wrote_from_the_id_what_became_a_dead_letter_gets_the_apology_at_the_number() -> None:
    person = linked(called(apology_text="Perdona"))
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    buried = i.MessageBuried(event_id="SM8", received_at=person.now, address=f"whatsapp:{USER}")
    assert person.told(person.chat(USER).give(buried)) == ["forwarded"]
    assert person.told(person.publish(USER, times=2)) == ["unanswered", "answered"]
    assert chat.state.turn is not None
    assert [(part.body, part.to) for part in chat.state.turn.parts] == [("Perdona", f"whatsapp:{NUMBER}")]


def test_a_state_of_before_has_no_other_address() -> None:
    state = state_of(b'{"key": "+573138539155", "id": 1, "has_begun": true, "number": 3}')
    assert (state.links, state.merging_into, state.merged_into, state.outbox, state.erasing) == (
        (),
        None,
        None,
        (),
        None,
    )


def test_another_numbers_erasure_leaves_the_id_alone() -> None:
    person = linked(called())
    chat = person.chat(USER)
    assert chat.command("erase", link="+573138539199", command_id="k9") == []
    assert chat.state.merged_into == NUMBER
