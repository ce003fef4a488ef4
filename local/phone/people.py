"""Which addresses the clients of the page have: a number, an id beside it or alone, another number one day. Pure."""

from dataclasses import dataclass, field, replace
from typing import Any, get_args

from local.vendors.twilio.identities import WHATSAPP, Shows
from schemas.errors import InvalidInput
from schemas.phone import canonical_number

Json = dict[str, Any]
SHOWS = get_args(Shows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """`number`: the one they have now; `left`: those they had before."""

    number: str
    shows: Shows = "number"
    left: tuple[str, ...] = ()

    @property
    def user_id(self) -> str:
        """A new number brings a new id."""
        return f"CO.{self.number.lstrip('+')}"

    @property
    def identity(self) -> Json:
        """What the simulated Twilio is told of them. The parent's id stays."""
        first = (*self.left, self.number)[0].lstrip("+")
        known = {"number": self.number, "user_id": self.user_id, "parent_id": f"CO.ENT.{first}", "shows": self.shows}
        return known | ({"former": self.left[-1]} if self.left else {})


@dataclass(slots=True)
class People:
    """By the number that each was called on first, under which the page shows them."""

    _known: dict[str, Person] = field(default_factory=dict)

    def of(self, number: str) -> Person:
        """Return whose telephone it is."""
        return self._known.get(number) or Person(number=number)

    def addresses(self, number: str) -> list[str]:
        """Return all that they have had, as Twilio writes them."""
        person = self.of(number)
        numbers = [*person.left, person.number]
        return [f"{WHATSAPP}{each}" for one in numbers for each in (one, Person(number=one).user_id)]

    def change(self, number: str, wanted: Json) -> Person:
        """Have somebody show something else from now on, or change the number. `wanted`: `shows`, `new_number`.

        Raises:
            InvalidInput: none of what can be shown, or no number.
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
