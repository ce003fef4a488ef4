"""People with business-scoped ids: what a webhook shows of them, and to whom a message to either address goes. Pure."""

from dataclasses import dataclass, field
from typing import Literal

WHATSAPP = "whatsapp:"
Shows = Literal["number", "both", "id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`shows`: what webhooks have of the person from now on; a number that is withheld is `id`."""

    number: str
    user_id: str
    parent_id: str | None = None
    shows: Shows = "both"

    @property
    def sender(self) -> str:
        return self.user_id if self.shows == "id" else self.number

    @property
    def params(self) -> dict[str, str]:
        """Return the parameters that name the person beside the sender."""
        if self.shows == "number":
            return {}
        parent = {"ParentExternalUserId": f"{WHATSAPP}{self.parent_id}"} if self.parent_id else {}
        return {"ExternalUserId": f"{WHATSAPP}{self.user_id}"} | parent


@dataclass(slots=True)
class Identities:
    """`sendable`: the account may send to ids; one that may not yet is refused with 21211."""

    sendable: bool = True
    _by_number: dict[str, Identity] = field(default_factory=dict)

    def know(self, identity: Identity) -> None:
        """Have a person be like this from now on."""
        self._by_number[identity.number] = identity

    def of(self, number: str) -> Identity | None:
        """Return who writes from a telephone with this number."""
        return self._by_number.get(number)

    def addresses(self, address: str) -> list[str]:
        """Return all addresses of whom one belongs to, as Twilio writes them."""
        bare = address.removeprefix(WHATSAPP)
        for each in self._by_number.values():
            if bare in (each.number, each.user_id):
                return [f"{WHATSAPP}{each.number}", f"{WHATSAPP}{each.user_id}"]
        return [address]

    def clear(self) -> None:
        self._by_number.clear()
