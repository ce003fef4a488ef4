"""The port of a messenger: how messages reach a client, whichever vendor carries them.

Addresses are texts that the messenger made (`whatsapp:+57…`); whose they are says `schemas.phone`. Delivery
states are those of `schemas.statuses`. What a code of the vendor's means is a `Verdict`.
"""

from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from schemas.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message. `own_id`: ours, which comes back with its delivery reports. `template_id`: of an approved
    template, which goes instead of a body where a text may not; `template_variables`: by the template's names.
    """

    own_id: str
    to: str
    body: str | None = None
    template_id: str | None = None
    template_variables: dict[str, str] = field(default_factory=dict)
    media_url: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The messenger took a message. `body`: its text as the messenger shows it, of a template as well."""

    sid: str
    status: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A message that the messenger knows. `created`: aware, whole seconds; `files`: how many it has."""

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
    """Messages of ours, newest first. `as_of`: the messenger's own clock when it said so; None: it does not say.
    `is_whole`: it goes back as far as was asked.
    """

    messages: tuple[ListedMessage, ...]
    as_of: datetime | None = None
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFile:
    """A file of a client's. `content_type`: the client's own word."""

    url: str
    content_type: str


class Messenger(Protocol):
    """Sends, and finds out what became of it. `vendor`: its name in metrics, logs and errors.

    Reading raises:
        RetryableError: no answer that could be read.
        TerminalError: refused for good.
    """

    @property
    def vendor(self) -> str: ...

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        """Send one message. `may_leave`: asked right before its first byte leaves, after all that may take long.

        Raises:
            Withheld: it might not leave any more, and has not.
            RetryableError: it certainly was not sent.
            UnknownOutcome: it may have been sent.
            TerminalError: refused for good; `code` is the vendor's, `why` its words.
        """

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        """Return what of ours was created at `since` or later; `to`: to one address alone.

        That a list is complete is an assumption: one without a message proves nothing by itself, see
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
        """Show the client, while the body runs, that an answer to a message is being made; never raises."""

    def classify(self, code: int | str | None) -> Verdict:
        """Return what a code of a delivery report means."""
