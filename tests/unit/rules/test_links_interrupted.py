"""A link interrupted between its steps by an erasure, STOP, call or command; and odd ids to its end."""

import itertools

import pytest

from rules import inputs as i
from rules import links
from rules.letters import hand_over_of
from rules.state import Conversation
from schemas.phone import conversation_key, is_user_id
from tests.support.addresses import OTHER, USER, Addresses, called
from tests.support.chat import NUMBER, Chat, policy_of
from tests.unit.rules.test_claims import NEW, PARENT, known

LONGEST = "CO." + "a" * 128
# More than a change of number takes.
_STEPS = 10


def _after(person: Addresses, steps: int) -> None:
    """Have so many letters published and taken up, the first to wait at a time."""
    for _ in range(steps):
        waiting = [key for key in list(person.chats) if person.letters(key)]
        if waiting:
            person.publish(waiting[0])


def _begun(*, is_move: bool) -> Addresses:
    """Somebody who wrote from an id, and then shows whose it is; nobody has told anybody yet."""
    if not is_move:
        person = called()
        person.write(USER, "uno")
        person.both("dos")
        return person
    person = known()
    person.write(NEW, "uno")
    person.both("dos", OTHER, NEW, ParentExternalUserId=f"whatsapp:{PARENT}")
    return person


CASES = [
    pytest.param(is_move, steps, address, id=f"{'moved' if is_move else 'linked'}-{steps}-{address}")
    for is_move, of in ((False, (NUMBER, USER)), (True, (NUMBER, OTHER, NEW, USER, PARENT)))
    for steps, address in itertools.product(range(_STEPS), of)
]

WRITTEN_FROM = [case for case in CASES if case.values[2] != PARENT]
"""Nobody writes from the id of a group of businesses."""


@pytest.mark.parametrize(("is_move", "steps", "address"), CASES)
def test_erased_between_any_two_steps_nothing_is_left_at_any(is_move: bool, steps: int, address: str) -> None:
    """An address that knew of no other takes with it what it had; the link then reaches a new one."""
    person = _begun(is_move=is_move)
    _after(person, steps)
    theirs = _known_from(person, address)
    gone = {text for key in theirs for text in _texts(person.chat(key))}
    person.chat(address).command("erase", command_id="k1")
    person.settle()
    person.passes(minutes=3)
    person.settle()
    assert gone
    for key, chat in person.chats.items():
        assert not gone & _texts(chat), key
        is_new = key in theirs and chat.state.merged_into not in (None, *theirs)
        if key in theirs and not is_new:
            assert chat.state == Conversation(key=key, number=chat.state.number, erased=True)
            assert (chat.tables.conversations, chat.tables.messages) == ({}, {})


def _known_from(person: Addresses, address: str) -> set[str]:
    """Return an address with all that are known from it, from one to the next."""
    found, waiting = {address}, [address]
    while waiting:
        more = set(links.family(person.chat(waiting.pop()).state)) - found
        found |= more
        waiting += more
    return found


def _texts(chat: Chat) -> set[str]:
    return {each.text for each in chat.state.inbox} | {
        row["content"] for row in chat.tables.messages.values()
    }


def test_what_is_handed_over_to_who_was_erased_since_is_not_taken_up() -> None:
    person = called()
    person.write(USER, "uno")
    person.both("dos")
    person.publish(NUMBER)
    person.chat(USER).give(i.Recovered())
    [letter] = person.letters(USER)
    person.chat(NUMBER).command("erase", command_id="k1")
    person.settle()
    over = hand_over_of(letter.command["hand_over"])
    assert [each.text for each in over.inbox] == ["uno"]
    assert person.chat(NUMBER).give(i.HandedOver(key=USER, command_id="again", over=over)) == []


def test_nor_is_it_by_who_has_begun_anew_since() -> None:
    person = called()
    person.write(USER, "uno")
    person.both("dos")
    person.publish(NUMBER)
    [letter] = person.letters(USER)
    person.chat(NUMBER).command("erase", command_id="k1")
    person.passes(seconds=1)
    person.publish(NUMBER)
    person.chat(NUMBER).call("conv_2")
    person.chat(NUMBER).greet()
    person.deliver(letter)
    person.settle()
    assert "uno" not in _texts(person.chat(NUMBER)) | _texts(person.chat(USER))
    person.both("tres")
    person.settle()
    person.write(USER, "cuatro")
    person.settle()
    assert [each.text for each in person.chat(NUMBER).state.inbox] == ["tres", "cuatro"]


@pytest.mark.parametrize(("is_move", "steps", "address"), WRITTEN_FROM)
def test_a_stop_between_any_two_steps_counts_for_all(is_move: bool, steps: int, address: str) -> None:
    person = _begun(is_move=is_move)
    _after(person, steps)
    person.passes(seconds=1)
    person.write(address, "STOP")
    person.settle()
    person.passes(minutes=3)
    person.settle()
    root = person.chat(NUMBER)
    assert root.state.opt_out is not None
    assert [effect for effect in root.lane() if type(effect).__name__ == "AskAgent"] == []


@pytest.mark.parametrize(("is_move", "steps", "address"), WRITTEN_FROM)
def test_what_is_written_between_any_two_steps_is_asked_once_and_in_its_order(
    is_move: bool, steps: int, address: str
) -> None:
    person = _begun(is_move=is_move)
    _after(person, steps)
    person.passes(seconds=1)
    person.write(address, "tres", "SM3")
    person.write(address, "tres", "SM3")
    person.settle()
    if is_move and address == NUMBER and steps:  # who has the former number may be somebody else by then
        return
    said = [each.text for key, chat in person.chats.items() for each in chat.state.inbox]
    assert said == ["uno", "dos", "tres"]


@pytest.mark.parametrize("is_adopted", [False, True])
def test_the_longest_id_is_written_to_as_it_is(is_adopted: bool) -> None:
    given = {"unknown_number_agent_id": "agent_9", "unknown_number_grace_seconds": 60} if is_adopted else {}
    person = called(policy_of(**given))
    person.write(LONGEST, "uno")
    key = conversation_key(LONGEST)
    person.passes(seconds=60)
    assert [is_user_id(each.state.address) for each in (person.chat(key),)] == [True]
    if is_adopted:
        person.chat(key).answer()
        assert {part.to for turn in [person.chat(key).state.turn] if turn for part in turn.parts} == {
            f"whatsapp:{LONGEST}"
        }
        person.chat(key).accept()
    person.both("dos", user=LONGEST)
    person.settle()
    assert person.chat(key).state.merged_into == NUMBER
    assert person.chat(NUMBER).state.address == f"whatsapp:{NUMBER}"
