"""What happens between the addresses of one person, and when everything is forgotten."""

from dataclasses import dataclass
from typing import Literal

from rules.person import HandOver, Letter
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A message named another address of the person: its actor is asked for what it has."""

    key: str  #: of that address
    message_sid: str
    letter: Letter
    is_parent: bool = False  #: it is the id that a person keeps with a new number
    moved: bool = False  #: the person has moved there
    command_id: str | None = None  #: of the claim, if that address' actor told of it


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettled:
    """A link comes to nothing, is late, or existed already."""

    key: str  #: of the other address
    #: refused: two numbers were told of one address, so an operator has to look
    reason: Literal["refused", "late", "joined"]
    known: str | None = None  #: the number that the address belongs to
    command_id: str | None = None  #: of the command that said so
    letters: tuple[Letter, ...] = ()  #: the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """This address belongs to a number: nothing new begins, and what is under way ends."""

    number: str
    command_id: str
    about: str | None = None  #: what showed it
    wanted_by: int | None = None  #: the number's conversation that asked for what is here


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Everything open was handed over to the number; whatever comes from now on goes there."""

    number: str
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What came for this address, or was learned of it, goes to its number."""

    letter: Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class TookOver:
    """What another address of the person had has arrived here. `key`: of that address."""

    key: str
    command_id: str
    hand_over: HandOver


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSent:
    """Kafka has a letter to another actor."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureBegun:
    """The person's other addresses are told to forget as well; then this one does. `command`: its body."""

    command: Json
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Everything before is forgotten. `changed`: there was something to forget."""

    command_id: str | None = None
    changed: bool = True
    spooled_until: int | None = None  #: see `ConversationCommand`
