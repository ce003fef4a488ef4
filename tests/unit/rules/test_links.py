"""Which evidence makes two addresses one person, and what a number waits for once it does."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.links import PATIENCE
from rules.person import Link
from schemas.commands import ConversationCommand
from schemas.errors import InvalidInput
from schemas.events import InboundMessage
from schemas.phone import linked_keys
from tests.support.addresses import OTHER, USER, Addresses, called
from tests.support.chat import NUMBER, START, talking

PARENT = "CO.ENT.77"


def test_a_message_that_carries_both_links_them_once() -> None:
    person = called()
    assert person.told(person.both("¿precio?")) == ["received", "linked"]
    assert person.settle() == ["merging", "merged", "took_over"]
    assert person.told(person.both("¿y?")) == ["received"]
    assert person.chat(NUMBER).state.links == (Link(key=USER, at=START, state="joined"),)
    assert person.chat(USER).state.merged_into == NUMBER


def test_so_does_the_id_of_a_group_of_businesses() -> None:
    person = called()
    person.both("hola", ParentExternalUserId=f"whatsapp:{PARENT}")
    person.settle()
    assert [link.key for link in person.chat(NUMBER).state.links] == [USER, PARENT]
    assert person.chat(PARENT).state.merged_into == NUMBER


def test_an_id_alone_links_nothing() -> None:
    person = Addresses()
    assert person.told(person.write(USER, ExternalUserId=f"whatsapp:{USER}")) == ["received"]
    assert person.told(person.write(USER, ExternalUserId="whatsapp:CO.2")) == ["received"], (
        "nor with another one"
    )


@pytest.mark.parametrize(
    ("given", "found", "odd"),
    [
        ("", [], []),
        ("  ", [], []),
        ("whatsapp:CO.1234", ["CO.1234"], []),
        (" CO.1234 ", ["CO.1234"], []),
        (f"whatsapp:CO.{'a' * 128}", ["CO.~"], []),
        (f"whatsapp:{NUMBER}", [], []),
        ("whatsapp:co.1234", [], ["ExternalUserId"]),
        ("whatsapp:+CO.1234", [], ["ExternalUserId"]),
        (f"whatsapp:CO.{'a' * 129}", [], ["ExternalUserId"]),
        (f"whatsapp:{OTHER}", [], ["ExternalUserId"]),
        ("x" * 100_000, [], ["ExternalUserId"]),
    ],
)
def test_an_odd_form_of_an_id_loses_nothing(given: str, found: list[str], odd: list[str]) -> None:
    keys = linked_keys({"From": f"whatsapp:{NUMBER}", "ExternalUserId": given})
    assert [key[: len(wanted)] for key, wanted in zip(keys.keys, found, strict=True)] == found
    assert keys.odd == tuple(odd)
    person = called()
    assert person.told(person.both(user=given.removeprefix("whatsapp:")))[0] == "received"


def test_until_the_other_address_has_handed_over_nobody_is_asked_and_nothing_sent() -> None:
    person = called()
    person.both("¿precio?")
    chat = person.chat(NUMBER)
    assert [type(effect) for effect in chat.lane()] == [f.PublishLetter]
    person.settle()
    assert [type(effect) for effect in chat.lane()] == [f.AskAgent]


def test_an_answer_on_its_way_is_held_as_well() -> None:
    person = called()
    chat = person.chat(NUMBER)
    chat.write("¿precio?")
    person.both("¿y?")
    asked = tuple(each.event_id for each in chat.state.questions[:1])
    chat.give(i.AgentAnswered(question=asked, text="Cuesta 20", reply={}, seconds=1.0, slot=True))
    assert chat.sends() == []
    part = chat.state.turn.next_part if chat.state.turn else None
    assert part is not None
    assert chat.give(i.SlotTaken(own_id=part.own_id)) == []
    person.settle()
    chat.accept()
    assert chat.said()[-1] == "Cuesta 20"


def test_what_does_not_come_in_time_is_waited_for_no_longer_and_taken_over_late() -> None:
    person = called()
    person.both("¿precio?")
    chat = person.chat(NUMBER)
    assert chat.due() == START + PATIENCE
    assert person.told(person.passes(seconds=19)) == []
    assert person.told(person.passes(seconds=1)) == ["link_settled"]
    assert any(isinstance(effect, f.AskAgent) for effect in chat.wanted())
    assert chat.due() is None or chat.due() > person.now + timedelta(minutes=1)  # type: ignore[operator]
    assert person.settle() == ["merging", "merged", "took_over"]
    assert chat.state.links[0].state == "joined"


def test_an_id_that_comes_with_two_numbers_is_an_operators_case() -> None:
    person = called()
    person.both()
    person.settle()
    person.both(number=OTHER)
    assert person.settle() == ["link_settled", "link_settled"]
    assert person.chat(USER).state.merged_into == NUMBER
    assert (person.chat(OTHER).state.links[0].state, person.chat(OTHER).state.inbox[0].text) == (
        "refused",
        "hola",
    )
    assert person.told(person.both(number=OTHER)) == ["received"], "nobody is asked again and again"
    person.write(USER, "¿de quién soy?")
    person.settle()
    assert person.chat(NUMBER).tables.said("inbound")[-1] == "¿de quién soy?"


def test_a_sender_that_invents_ids_does_not_let_a_state_grow() -> None:
    person = called()
    for each in range(100):
        person.both(user=f"CO.{each}")
        person.settle()
    assert len(person.chat(NUMBER).state.links) == 32


@pytest.mark.parametrize(
    "over",
    [
        {"command": "link", "phone_number": NUMBER, "link": OTHER},
        {"command": "link", "phone_number": USER, "link": "CO.9"},
        {"command": "link", "phone_number": USER},
        {"command": "take_over", "phone_number": USER, "link": NUMBER, "hand_over": {}},
        {"command": "take_over", "phone_number": NUMBER, "link": USER},
        {"command": "forward", "phone_number": NUMBER, "link": USER},
        {
            "command": "forward",
            "phone_number": USER,
            "message": {
                "event_id": "SM1",
                "received_at": "2026-01-01T00:00:00Z",
                "params": {"From": f"whatsapp:{OTHER}"},
            },
        },
        {
            "command": "forward",
            "phone_number": NUMBER,
            "message": {
                "event_id": "SM1",
                "received_at": "2026-01-01T00:00:00Z",
                "params": {"From": f"whatsapp:{USER}"},
            },
        },
    ],
)
def test_a_number_is_never_an_ids(over: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        ConversationCommand.from_object({"command_id": "c", "by": "x", "at": "2026-01-01T00:00:00Z"} | over)


def test_whose_message_it_is_can_only_be_an_addresss() -> None:
    body = {"event_id": "SM1", "received_at": "2026-01-01T00:00:00Z", "params": {"From": f"whatsapp:{USER}"}}
    assert InboundMessage.from_object(body).key == USER
    assert InboundMessage.from_object(body | {"person": NUMBER}).key == NUMBER
    with pytest.raises(InvalidInput):
        InboundMessage.from_object(body | {"person": "nobody"})


def test_an_apology_waits_for_a_hand_over_like_any_answer() -> None:
    chat = talking()
    chat.write("¿precio?", "SM1")
    assert any(isinstance(wanted, f.AskAgent) for wanted in chat.wanted())
    chat.write("hola", "SM2", linked=("CO.1234",))
    chat.give(i.AgentFailed(question=("SM1",), retryable=False, why="404", slot=True))
    assert not any(isinstance(wanted, f.SendMessage) for wanted in chat.wanted())
