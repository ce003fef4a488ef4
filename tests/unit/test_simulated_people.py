"""People of the simulated Twilio: what each shows, from when on, and where a message reaches them."""

from datetime import UTC, datetime, timedelta

import pytest

from local.phone.people import People
from local.vendors.twilio.identities import Identities, Identity
from schemas.errors import InvalidInput

NUMBER, NEW = "+573138539155", "+573138539156"
AT = datetime(2026, 3, 2, tzinfo=UTC)


def person(**over: object) -> Identity:
    return Identity.of({"number": NUMBER, "user_id": "CO.1", "parent_id": "CO.ENT.1"} | over)


def test_a_number_is_withheld_from_some_day_on() -> None:
    known = person(withheld_from="2026-03-02T00:00:00Z")
    before = AT - timedelta(seconds=1)
    assert (known.sender(before), known.sender(AT)) == (NUMBER, "CO.1")
    assert known.params(before) == known.params(AT) != {}


def test_who_never_shows_a_number_is_known_by_the_id() -> None:
    known, people = person(number=None), Identities()
    people.know(known)
    assert people.of("CO.1") is known
    assert (known.sender(AT), people.addresses("whatsapp:CO.1")) == ("CO.1", ["whatsapp:CO.1"])


def test_nobody_is_at_a_number_that_was_changed_nor_at_its_id_until_somebody_has_it_again() -> None:
    people = Identities()
    people.know(person())
    people.know(person(number=NEW, user_id="CO.2", former=NUMBER))
    left = [people.is_left(f"whatsapp:{each}") for each in (NUMBER, "CO.1", NEW, "CO.2")]
    assert (left, people.of(NUMBER)) == ([True, True, False, False], None)
    people.know(person(user_id="CO.3", parent_id="CO.ENT.3"))
    assert [people.is_left(f"whatsapp:{each}") for each in (NUMBER, "CO.1")] == [False, True]


@pytest.mark.parametrize("over", [{"withheld_from": "soon"}, {"colour": "red"}])
def test_what_nobody_can_be_is_refused(over: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"soon|colour"):
        person(**over)


def test_the_pages_clients_keep_their_parents_id_and_all_their_chats() -> None:
    people = People()
    assert people.change(NUMBER, {"shows": "id"}).identity["shows"] == "id"
    moved = people.change(NUMBER, {"new_number": NEW})
    assert moved.identity == {
        "number": NEW,
        "user_id": f"CO.{NEW[1:]}",
        "parent_id": f"CO.ENT.{NUMBER[1:]}",
        "shows": "id",
        "former": NUMBER,
    }
    assert len(people.addresses(NUMBER)) == 4
    assert people.of(NUMBER).number == NEW


@pytest.mark.parametrize("wanted", [{"shows": "face"}, {"new_number": NUMBER}, {"new_number": "hola"}])
def test_what_the_page_may_not_want_is_said(wanted: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        People().change(NUMBER, wanted)


def test_who_showed_a_number_alone_shows_the_id_too_where_it_changes() -> None:
    assert People().change(NUMBER, {"new_number": NEW}).shows == "both"
