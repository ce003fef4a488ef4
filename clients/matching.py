"""Which of a messenger's listed messages may be ours, and what a list without any proves. Pure.

The messenger does not show our own ids.
"""

import unicodedata
from collections.abc import Iterable, Set
from datetime import datetime, timedelta
from typing import Final

from clients.messenger import ListedMessage, Listing
from clients.vendor_json import clean_text
from schemas.errors import InvalidNumber
from schemas.phone import conversation_key

MARGIN: Final = timedelta(seconds=10)
"""Assumed: a list shows a message at most this much later than younger ones, and clocks differ by less.

Twilio documents neither, and dates messages in whole seconds.
"""


def candidates(
    messages: Iterable[ListedMessage], to: str, body: str | None, known_sids: Set[str]
) -> list[ListedMessage]:
    """Return possible lost messages to an address, in list order. `body` None: any text, for templates."""
    return [
        each
        for each in messages
        if each.sid not in known_sids
        and same_address(each.to, to)
        and (body is None or same_text(each.body, body))
    ]


def proves_absence(listing: Listing, *, read_at: datetime, lives_until: datetime) -> bool:
    """Return whether a message missing from a list was not created.

    It was not if the list shows a message that was created well after the attempt's end.

    Args:
        read_at: when reading began, by the clock of `lives_until`; the messenger's own is compared with it.
        lives_until: the latest moment at which the attempt can have had its effect.
    """
    if listing.as_of is None or not listing.is_whole or not listing.messages:
        return False
    newest = max(each.created for each in listing.messages)
    return newest - (listing.as_of - read_at) >= lives_until + MARGIN


def same_address(one: str, other: str) -> bool:
    """Return whether two addresses are the same person's; a number may be shown in its other spelling.

    A false negative would send a message twice.
    """
    try:
        return one == other or conversation_key(one) == conversation_key(other)
    except InvalidNumber:
        return False


def same_text(one: str, other: str) -> bool:
    """Return whether two texts are the same message.

    White space and the composition of accents may change on the way, and what a messenger cannot carry is
    left out or replaced.
    """
    return one == other or _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", clean_text(text)).split())
