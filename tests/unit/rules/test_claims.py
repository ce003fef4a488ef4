"""A person with a new number, or of whom only ids are known: what shows it, which conversation goes on."""

import itertools
from datetime import timedelta

import pytest

from rules import inputs as i
from rules.events import Started, TurnFailed
from rules.links import readdressed
from rules.person import Link
from rules.state import Conversation
from rules.turns import Waiting
from tests.support.addresses import OTHER, USER, Addresses, called
from tests.support.chat import NUMBER, Chat, policy_of

PARENT = "CO.ENT.77"
NEW = "CO.9999"


def with_parent(person: Addresses, number: str = NUMBER, user: str = USER, text: str = "hola") -> list[str]:
    """A message that shows number, id and the id that is kept; what all of it comes to."""
    told = person.told(person.both(text, number, user, ParentExternalUserId=f"whatsapp:{PARENT}"))
    return told + person.settle()


def known(hours: float = 24) -> Addresses:
    """A called person, with number, id and parent known, some time ago."""
    person = called()
    with_parent(person)
    person.chat(NUMBER).answer()
    person.chat(NUMBER).accept()
    person.passes(hours=hours)
    return person


def words(chat: Chat) -> list[str]:
    return [each.text for each in chat.state.inbox]


def roots(person: Addresses) -> list[str]:
    """The addresses at which somebody's conversation goes on."""
    return sorted(
        key for key, chat in person.chats.items() if chat.state.merged_into is None and chat.state.id
    )


def test_a_new_number_with_a_new_id_and_the_same_parent_is_the_same_person() -> None:
    person = known()
    happened = with_parent(person, OTHER, NEW, "cambié de número")
    assert happened.count("merged") == 3, (
        "the new id, the new number, and the new id once more, to where that went"
    )
    chat = person.chat(NUMBER)
    assert (roots(person), words(chat)) == ([NUMBER], ["cambié de número"])
    assert {link.key: link.state for link in chat.state.links} == dict.fromkeys(
        (USER, PARENT, OTHER, NEW), "joined"
    )
    assert {person.chat(key).state.merged_into for key in (USER, PARENT, OTHER, NEW)} == {NUMBER}
    chat.answer("¡Anotado!")
    assert chat.sends()[0].part.to == f"whatsapp:{OTHER}", "they are written to where they are now"
    assert chat.state.elevenlabs_conversation_id == "conv_1"


@pytest.mark.parametrize("sender", [OTHER, NEW])
def test_whatever_comes_from_the_new_addresses_is_theirs(sender: str) -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    person.passes(seconds=1)
    person.write(sender, "¿y ahora?")
    person.settle()
    chat = person.chat(NUMBER)
    assert words(chat) == ["hola", "¿y ahora?"]
    assert chat.state.address == f"whatsapp:{OTHER}"


@pytest.mark.parametrize("ids", [{}, {"ExternalUserId": "whatsapp:CO.4711"}])
@pytest.mark.parametrize("called_last", [NUMBER, OTHER])
def test_whoever_has_the_old_number_next_is_told_nothing_and_an_operator_looks(
    ids: dict[str, str], called_last: str
) -> None:
    person = known()
    if called_last == OTHER:
        person.chat(OTHER).call("conv_2")
        person.chat(OTHER).greet()
    with_parent(person, OTHER, NEW)
    chat = person.chat(called_last)
    chat.answer()
    chat.accept()
    person.passes(days=90)
    person.write(NUMBER, "¿quién es?", **ids)
    person.settle()
    assert (chat.state.status, chat.lane(), chat.state.address) == ("escalated", [], f"whatsapp:{OTHER}")
    assert chat.tables.said("inbound")[-1] == "¿quién es?"
    assert "CO.4711" not in person.chats, "nothing is linked"
    person.write(NUMBER, "STOP", **ids)
    person.settle()
    assert chat.state.opt_out is not None


def test_who_goes_back_to_the_old_number_is_written_to_there() -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    person.passes(seconds=1)
    person.both("volví")
    assert person.chat(NUMBER).state.address == f"whatsapp:{NUMBER}"


def test_a_new_number_with_an_id_that_another_number_has_is_an_operators_case() -> None:
    person = known()
    happened = with_parent(person, OTHER, USER)
    assert (roots(person), happened.count("link_settled")) == (sorted((NUMBER, OTHER)), 4)
    assert {link.state for link in person.chat(OTHER).state.links} == {"refused"}
    assert words(person.chat(OTHER)) == ["hola"], "it is kept, and is nobody else's"
    assert words(person.chat(NUMBER)) == []


def test_the_same_parent_without_a_new_id_shows_nothing() -> None:
    person = known()
    person.write(OTHER, ParentExternalUserId=f"whatsapp:{PARENT}")
    person.settle()
    assert (roots(person), person.chat(OTHER).state.links[0].state) == (sorted((NUMBER, OTHER)), "refused")


def test_a_new_number_with_a_new_id_and_no_parent_is_somebody_else() -> None:
    person = known()
    person.both("hola", OTHER, NEW)
    person.settle()
    assert roots(person) == sorted((NUMBER, OTHER))


def test_the_conversation_that_was_called_last_goes_on() -> None:
    person = known()
    person.chat(OTHER).call("conv_2")
    person.chat(OTHER).greet()
    with_parent(person, OTHER, NEW, "soy yo")
    chat = person.chat(OTHER)
    assert (roots(person), chat.state.elevenlabs_conversation_id, words(chat)) == (
        [OTHER],
        "conv_2",
        ["soy yo"],
    )
    assert {link.key for link in chat.state.links if link.state == "joined"} == {NUMBER, USER, PARENT, NEW}
    assert chat.state.address == f"whatsapp:{OTHER}"
    person.write(USER, "¿hola?")
    person.settle()
    assert words(chat)[-1] == "¿hola?"


def test_a_call_to_the_merged_number_begins_anew_where_the_person_is() -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    assert person.told(person.chat(OTHER).call("conv_2")) == ["forwarded"]
    assert person.chat(OTHER).call("conv_2") == [], "it is on its way"
    assert person.settle()[0] == "started"
    chat.greet()
    assert (chat.state.elevenlabs_conversation_id, chat.state.address) == ("conv_2", f"whatsapp:{OTHER}")
    assert chat.tables.row["metadata"]["calls"], "the call before is kept"


def test_what_elevenlabs_tells_of_a_call_to_the_merged_number_is_learned_where_the_person_is() -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    person.chat(OTHER).call("conv_2")
    person.settle()
    chat.greet(summary=None, seconds=None)
    noted = {"call_id": "conv_2", "summary": "Quiere otro plan", "kept": {"transcript": [["user", "hola"]]}}
    assert person.told(person.note(OTHER, noted)) == ["forwarded"]
    assert person.settle() == ["details"]
    assert chat.state.summary == "Quiere otro plan"


def test_a_report_of_what_was_sent_to_the_new_number_finds_its_send() -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    chat = person.chat(NUMBER)
    chat.answer("¡Anotado!")
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="cut"))
    report = person.report(OTHER, own_id, "MM77", "delivered")
    assert person.told(report) == ["forwarded"]
    assert person.settle() == ["sent", "delivered"]


@pytest.mark.parametrize("first", [USER, NEW])
def test_who_is_known_by_ids_alone_is_one_person_by_their_parent(first: str) -> None:
    """And by a number, as soon as one shows."""
    person, second = Addresses(), NEW if first == USER else USER
    for sender in (first, second):
        person.passes(seconds=1)
        person.write(sender, sender, ParentExternalUserId=f"whatsapp:{PARENT}")
        person.settle()
    assert (roots(person), words(person.chat(first))) == ([first], [first, second])
    person.passes(seconds=1)
    person.both("soy Ana", NUMBER, second)
    person.settle()
    assert (roots(person), words(person.chat(NUMBER))) == ([NUMBER], [first, second, "soy Ana"])
    assert {person.chat(key).state.merged_into for key in (USER, NEW, PARENT)} == {NUMBER}


def test_a_new_number_that_is_withheld_is_written_to_at_its_id() -> None:
    person = known()
    person.write(NEW, "cambié", ParentExternalUserId=f"whatsapp:{PARENT}")
    person.settle()
    chat = person.chat(NUMBER)
    assert (roots(person), words(chat), chat.state.address) == ([NUMBER], ["cambié"], f"whatsapp:{NEW}")


def test_until_the_new_number_has_handed_over_nothing_is_sent_to_the_old_one() -> None:
    person = known(hours=1)
    chat = person.chat(NUMBER)
    person.both("cambié", OTHER, NEW, ParentExternalUserId=f"whatsapp:{PARENT}")
    for key in (OTHER, OTHER, NEW, PARENT):
        person.publish(key)
    chat.command("write", text="Le escribe Luis")
    assert [type(effect).__name__ for effect in chat.lane()] == ["PublishLetter"]
    person.publish(NUMBER)
    person.passes(seconds=90)
    assert chat.lane() == []
    person.settle()
    chat.accept()
    chat.answer()
    chat.accept()
    assert [row["to_address"] for row in chat.tables.sends.values()][-2:] == [f"whatsapp:{OTHER}"] * 2


def test_what_was_being_sent_when_they_moved_is_tried_again_where_they_are_now() -> None:
    person = known(hours=1)
    chat = person.chat(NUMBER)
    chat.write("¿precio?")
    chat.answer("Cuesta 20")
    chat.take_slot()
    [sending] = chat.sends()
    person.passes(seconds=1)
    with_parent(person, OTHER, NEW, "cambié")
    assert chat.sends() == [sending], "the vendor may have it"
    chat.give(i.SendNotMade(own_id=sending.part.own_id, why="connection refused"))
    person.passes(minutes=1)
    chat.take_slot()
    assert [each.part.to for each in chat.sends()] == [f"whatsapp:{OTHER}"]
    assert chat.tables.sends[sending.part.own_id]["to_address"] == f"whatsapp:{OTHER}"


def test_what_failed_before_they_moved_goes_on_where_they_are_now() -> None:
    person = known(hours=1)
    chat = person.chat(NUMBER)
    chat.write("¿precio?", "SM71")
    chat.answer("Cuesta 20")
    chat.take_slot()
    failed = chat.sends()[0].part.own_id
    chat.give(i.SendRefused(own_id=failed, why="blocked by policy", code="63013", by_person=False))
    person.passes(seconds=1)
    with_parent(person, OTHER, NEW, "cambié")
    turn = next(each.event.turn for each in chat.events if isinstance(each.event, TurnFailed))
    assert turn is not None
    assert turn.parts[0].to == f"whatsapp:{NUMBER}"
    assert readdressed(chat.state, turn).parts[0].to == f"whatsapp:{OTHER}"


def test_the_night_is_the_new_numbers() -> None:
    """Ten in the morning in Bogotá is the afternoon in Madrid, and the evening in Tokyo."""
    tokyo = "+819012345678"
    person = called(quiet_hours="21:00-08:00")
    with_parent(person)
    with_parent(person, tokyo, NEW)
    chat = person.chat(NUMBER)
    chat.answer()
    chat.accept()
    person.passes(days=2)
    assert person.told(
        chat.call(
            "conv_2", recipient={"phone_number": tokyo, "conversation_id": "conv_2", "status": "completed"}
        )
    ) == ["started", "deferred"]


def test_a_stop_at_the_new_number_counts() -> None:
    person = known()
    with_parent(person, OTHER, NEW, "STOP")
    assert person.chat(NUMBER).state.opt_out is not None
    assert person.told(person.chat(OTHER).call("conv_2")) == ["forwarded"]
    assert person.settle() == ["declined"]
    assert person.chat(NUMBER).tables.outcome("call", "conv_2")["error"]["status"] == 409


@pytest.mark.parametrize("address", [NUMBER, OTHER, NEW, USER, PARENT])
def test_erased_at_any_address_nothing_is_left_at_any(address: str) -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    person.chat(address).command("erase", command_id="k1")
    person.settle()
    for key, chat in person.chats.items():
        assert chat.state == Conversation(key=key, number=chat.state.number, erased=True)
        assert (chat.tables.conversations, chat.tables.messages) == ({}, {})


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
def test_claims_that_contradict_each_other_never_go_round(order: tuple[int, ...]) -> None:
    """Three numbers, each with another one's parent: whichever is told first, every word has one place."""
    numbers, parents = [NUMBER, OTHER, "+573138539177"], ["CO.ENT.1", "CO.ENT.2", "CO.ENT.3"]
    person = Addresses(policy_of())
    for place, number in enumerate(numbers):
        person.both(f"a{place}", number, f"CO.{place}", ParentExternalUserId=f"whatsapp:{parents[place]}")
    person.settle()
    for place in order:
        person.both(
            f"b{place}", numbers[place], f"CO.1{place}", ParentExternalUserId=f"whatsapp:{parents[place - 1]}"
        )
    happened = person.settle()
    assert len(happened) < 100
    said = [text for key in roots(person) for text in words(person.chat(key))]
    assert sorted(said) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert roots(person) == [numbers[0]]


def test_two_numbers_that_claim_each_other_at_once_become_one() -> None:
    person = Addresses(policy_of())
    for place, number in enumerate((NUMBER, OTHER)):
        person.both("a", number, f"CO.{place}", ParentExternalUserId=f"whatsapp:CO.ENT.{place}")
    person.settle()
    for place, number in enumerate((NUMBER, OTHER)):
        person.both("b", number, f"CO.1{place}", ParentExternalUserId=f"whatsapp:CO.ENT.{1 - place}")
    person.settle()
    assert roots(person) == [NUMBER]
    assert {link.state for link in person.chat(NUMBER).state.links} == {"joined"}
    assert len(words(person.chat(NUMBER))) == 4


def test_a_parent_that_is_the_persons_own_id_or_number_is_none() -> None:
    person = called()
    for odd in (USER, NUMBER):
        person.both(ParentExternalUserId=f"whatsapp:{odd}")
        person.settle()
    assert [link.key for link in person.chat(NUMBER).state.links] == [USER]
    person.write(USER, ParentExternalUserId=f"whatsapp:{USER}")
    assert person.settle() == ["received"]


def test_what_the_parent_had_led_to_already_is_settled_at_once() -> None:
    person = Addresses()
    person.write(USER, "uno", ParentExternalUserId=f"whatsapp:{PARENT}")
    person.settle()
    with_parent(person)
    chat = person.chat(NUMBER)
    assert {link.key: link.state for link in chat.state.links} == {USER: "joined", PARENT: "joined"}
    assert chat.due() is None or chat.due() > person.now + timedelta(seconds=20)  # type: ignore[operator]
    assert (roots(person), words(chat)) == ([NUMBER], ["uno", "hola"])


def test_what_an_id_hands_over_to_the_new_number_after_that_has_merged_comes_to_the_old_one() -> None:
    person = known()
    person.policy = policy_of(unknown_number_agent_id="agent_9", unknown_number_grace_seconds=60)
    person.write(NEW, "¿hola?")
    person.passes(seconds=60)
    stranger = person.chat(NEW)
    stranger.answer("uno\n\ndos")
    with_parent(person, OTHER, NEW, "soy yo")
    assert (stranger.state.merging_into, person.chat(OTHER).state.merging_into) == (OTHER, NUMBER)
    person.passes(seconds=1)
    person.write(NEW, "¿siguen ahí?")
    person.passes(seconds=20)
    person.settle()
    assert (stranger.state.merging_into, person.chat(OTHER).state.merged_into) == (NUMBER, NUMBER)
    stranger.accept()
    person.settle()
    chat = person.chat(NUMBER)
    assert (words(chat), stranger.said()) == (["soy yo", "¿siguen ahí?"], ["uno", "dos"])
    assert {link.key: link.state for link in chat.state.links} == dict.fromkeys(
        (USER, PARENT, OTHER, NEW), "joined"
    )


def test_a_replayed_call_of_the_merged_number_is_done_where_the_person_is() -> None:
    person = known()
    with_parent(person, OTHER, NEW)
    person.chat(NUMBER).answer()
    person.chat(NUMBER).accept()
    called_there = Addresses()
    called_there.chat(OTHER).call("conv_2")
    [event] = [each.event for each in called_there.chat(OTHER).events if isinstance(each.event, Started)]
    assert event.call is not None
    waiting = Waiting(kind="call", event_id="conv_2", at=person.now, payload=event.call)
    again = i.ReplayWanted(
        replay="r", wants="again", waiting=waiting, identity="replay:r:1", mark="r;again;t/0/1;2026-01-01"
    )
    assert person.told(person.chat(OTHER).give(again)) == ["forwarded"]
    [letter] = person.letters(OTHER)
    assert (letter.mark, letter.command["call"]["recipient"]["conversation_id"]) == (again.mark, "conv_2")


def test_a_link_of_before_has_not_moved() -> None:
    assert Link(key=USER, at=Addresses().now).moved is False
