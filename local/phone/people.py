"""The addresses of the page's clients: a number, an id with it or alone, one day a new number. Pure."""

from dataclasses import dataclass, field, replace
from typing import Any, get_args

from local.vendors.twilio.identities import WHATSAPP, Shows
from schemas.errors import InvalidInput
from schemas.phone import canonical_number

Json = dict[str, Any]
SHOWS = get_args(Shows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A client with a telephone."""

    #: The current number.
    number: str
    shows: Shows = "number"
    #: The numbers before it.
    left: tuple[str, ...] = ()

    @property
    def user_id(self) -> str:
        """The id that belongs to the number; a new number brings a new one."""
        return f"CO.{self.number.lstrip('+')}"

    @property
    def identity(self) -> Json:
        """What the simulated Twilio is told of them. The parent's id stays the same."""
        first = (*self.left, self.number)[0].lstrip("+")
        known = {
            "number": self.number,
            "user_id": self.user_id,
            "parent_id": f"CO.ENT.{first}",
            "shows": self.shows,
        }
        return known | ({"former": self.left[-1]} if self.left else {})


@dataclass(slots=True)
class People:
    """The clients by the number that each was first called on, under which the page shows them."""

    _known: dict[str, Person] = field(default_factory=dict)

    def of(self, number: str) -> Person:
        """Return the client who was first called on a number."""
        return self._known.get(number) or Person(number=number)

    def addresses(self, number: str) -> list[str]:
        """Return every address that they have had, as Twilio writes it."""
        person = self.of(number)
        numbers = [*person.left, person.number]
        return [f"{WHATSAPP}{each}" for one in numbers for each in (one, Person(number=one).user_id)]

    def change(self, number: str, wanted: Json) -> Person:
        """Change what somebody shows from now on (`shows`), or their number (`new_number`).

        Raises:
            InvalidInput: a value of `shows` that does not exist, or not a number.
        """
        person, shows = self.of(number), wanted.get("shows")
        if shows is not None and shows not in SHOWS:
            raise InvalidInput("shows", f"must be one of {', '.join(SHOWS)}")
        changed = replace(person, shows=shows or person.shows)
        if new_number := wanted.get("new_number"):
            changed = _moved(changed, canonical_number(str(new_number)))
        self._known[number] = changed
        return changed


def _moved(person: Person, number: str) -> Person:
    if number in (*person.left, person.number):
        raise InvalidInput("new_number", "is one that they have had")
    shows = "both" if person.shows == "number" else person.shows
    return replace(person, number=number, left=(*person.left, person.number), shows=shows)
