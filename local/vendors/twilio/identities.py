"""People with business-scoped ids: what webhooks show of them, and whom a message to them reaches. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

WHATSAPP = "whatsapp:"
Shows = Literal["number", "both", "id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person as of now."""

    user_id: str
    #: None if the person never shows one.
    number: str | None = None
    parent_id: str | None = None
    #: What webhooks show of the person.
    shows: Shows = "both"
    #: From then on, webhooks show the id alone.
    withheld_from: datetime | None = None
    #: The number given up for this one. Nobody is there any more, nor at the id that went with it.
    former: str | None = None

    @classmethod
    def of(cls, wanted: Mapping[str, Any]) -> "Identity":
        """Read what a test wants. `withheld_from`: ISO 8601.

        Raises:
            ValueError: a name that is not a field, or a malformed time.
        """
        if unknown := sorted(set(wanted) - {each.name for each in fields(cls)}):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        given = dict(wanted)
        if since := given.get("withheld_from"):
            at = datetime.fromisoformat(since)
            given["withheld_from"] = at.replace(tzinfo=at.tzinfo or UTC)
        return cls(**given)

    @property
    def telephone(self) -> str:
        """What tells the person from others."""
        return self.number or self.user_id

    @property
    def addresses(self) -> list[str]:
        return [f"{WHATSAPP}{each}" for each in (self.number, self.user_id) if each]

    def sender(self, at: datetime) -> str:
        """Return what `From` contains for a message written at a given time."""
        return self.telephone if self._shown(at) != "id" else self.user_id

    def params(self, at: datetime) -> dict[str, str]:
        """Return the parameters that name the person besides the sender."""
        if self._shown(at) == "number":
            return {}
        parent = {"ParentExternalUserId": f"{WHATSAPP}{self.parent_id}"} if self.parent_id else {}
        return {"ExternalUserId": f"{WHATSAPP}{self.user_id}"} | parent

    def _shown(self, at: datetime) -> Shows:
        is_withheld = self.withheld_from is not None and at >= self.withheld_from
        return "id" if is_withheld or self.number is None else self.shows


@dataclass(slots=True)
class Identities:
    """The people known so far."""

    #: Whether the account may send to ids; if not, they are refused with 21211.
    sendable: bool = True
    _people: dict[str, Identity] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)

    def know(self, identity: Identity) -> None:
        """Have a person be as described from now on."""
        if identity.former is not None:
            before = self._people.pop(identity.former, None)
            self._left |= {f"{WHATSAPP}{identity.former}", *(before.addresses if before else ())}
        self._left -= set(identity.addresses)
        self._people[identity.telephone] = identity

    def of(self, telephone: str) -> Identity | None:
        """Return who writes from a telephone: given by its number, or by the person's id if it shows none."""
        return self._people.get(telephone)

    def addresses(self, address: str) -> list[str]:
        """Return all addresses of the person at an address, as Twilio writes them."""
        found = (each.addresses for each in self._people.values() if address in each.addresses)
        return next(found, [address])

    def is_left(self, address: str) -> bool:
        """Return whether nobody is at an address any more."""
        return address in self._left

    def clear(self) -> None:
        self._people.clear()
        self._left.clear()
