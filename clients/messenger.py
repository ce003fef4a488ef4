"""The port of a messenger: how messages reach a client, whichever vendor carries them.

Addresses are strings made by the messenger (`whatsapp:+57…`); `schemas.phone` tells whose they are. Delivery
states are those of `schemas.statuses`. What a vendor's code means is a `Verdict`.
"""

from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from schemas.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message to be sent."""

    #: Ours; comes back with the message's delivery reports.
    own_id: str
    to: str
    body: str | None = None
    #: Of an approved template, sent instead of a body where text is not allowed.
    template_id: str | None = None
    #: By the template's names.
    template_variables: dict[str, str] = field(default_factory=dict)
    media_url: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the messenger took. `body`: its text as the messenger shows it, also of a template."""

    sid: str
    status: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A message known to the messenger. `created`: aware, whole seconds; `files`: how many it has."""

    sid: str
    to: str
    from_: str
    body: str
    is_inbound: bool
    status: str
    created: datetime
    error_code: str | None = None
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Messages of ours, newest first."""

    messages: tuple[ListedMessage, ...]
    #: The messenger's own clock when it answered; None if it does not say.
    as_of: datetime | None = None
    #: The list goes back as far as was asked.
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFile:
    """A client's file. `content_type`: as the client claims."""

    url: str
    content_type: str


class Messenger(Protocol):
    """Sends messages and finds out what became of them. `vendor`: its name in metrics, logs and errors.

    Reading raises:
        RetryableError: no answer that could be read.
        TerminalError: refused for good.
    """

    @property
    def vendor(self) -> str: ...

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        """Send one message. `may_leave`: asked right before its first byte leaves, after anything slow.

        Raises:
            Withheld: it was no longer allowed to leave, and has not left.
            RetryableError: it certainly was not sent.
            UnknownOutcome: it may have been sent.
            TerminalError: refused for good; `code` is the vendor's, `why` its words.
        """

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        """Return our messages created at `since` or later; `to`: only those to this address.

        That a list is complete is an assumption: a message's absence proves nothing by itself, see
        `clients.matching.proves_absence`.
        """

    async def find_sent(
        self, to: str, body: str | None, not_before: datetime, known_sids: Set[str]
    ) -> list[ListedMessage]:
        """Return what may be a lost send, newest first. `body` None: any text, for templates."""

    def listed(
        self, since: datetime, until: datetime, direction: Literal["inbound", "outbound"]
    ) -> AsyncIterator[ListedMessage]:
        """List messages created in [since, until], newest first."""

    async def files(self, sid: str) -> list[MessageFile]:
        """Return a message's files."""

    def typing(self, sid: str) -> AbstractContextManager[None]:
        """Show the client, while the body runs, that an answer to a message is on its way; never raises."""

    def classify(self, code: int | str | None) -> Verdict:
        """Return what a delivery report's code means."""
