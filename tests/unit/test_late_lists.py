"""What a list proves that is late, unordered within a second, and in pages.

Within the margin nothing wrong; beyond it, what is sent again is counted, and is named in the README.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from yarl import URL

from clients.matching import MARGIN, candidates, proves_absence
from clients.messenger import ListedMessage, Listing
from clients.twilio.messages import listed
from local.vendors.twilio.listing import Filter, Lag, page
from local.vendors.twilio.messages import Ledger, Message

ACCOUNT, SENDER, CLIENT = "AC1", "whatsapp:+14155238886", "whatsapp:+573138539155"
BEGAN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_SENDS_PER_SECOND, _SECONDS = 4.0, 40.0
_WORLDS = 10
_PAGE_SIZE = 50


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def message(sid: str, to: str, created: datetime) -> Message:
    return Message(
        sid=sid,
        account=ACCOUNT,
        to=to,
        from_=SENDER,
        body="hola",
        direction="outbound-api",
        status="sent",
        created=created,
        sent=created,
    )


def listing(ledger: Ledger, now: datetime, lag: Lag) -> Listing:
    """All pages of the list, as a client reads them. Twilio's clock tells whole seconds."""
    return Listing(messages=tuple(_listed(ledger, now, lag)), as_of=now.replace(microsecond=0))


def _listed(ledger: Ledger, now: datetime, lag: Lag) -> Iterator[ListedMessage]:
    url: URL | None = URL(f"https://api.example.com/Messages.json?PageSize={_PAGE_SIZE}")
    while url is not None:
        found = page(ledger, ACCOUNT, url, Filter(from_=SENDER), now, lag)
        yield from map(listed, found["messages"])
        url = URL(found["next_page_uri"]) if found["next_page_uri"] else None


def doubled(lag: Lag) -> int:
    """Play sends of unknown outcome that were made; return how many a list took for absent, at any time."""
    count = 0
    for seed in range(_WORLDS):
        chance, ledger = random.Random(seed), Ledger()
        lives_until = at(20.0)
        lost = chance.uniform(15.0, 20.0)
        times = sorted(
            [*(chance.uniform(0.0, _SECONDS) for _ in range(int(_SENDS_PER_SECOND * _SECONDS))), lost]
        )
        for place, each in enumerate(times):
            to = CLIENT if each == lost else f"whatsapp:+5731385{place:05d}"
            ledger.add(message(f"SM{chance.getrandbits(128):032x}", to, at(each)))
        count += any(
            _is_taken_for_absent(listing(ledger, now, lag), now, lives_until) for now in _looks(lives_until)
        )
    return count


def _looks(lives_until: datetime) -> Iterator[datetime]:
    """When it is looked up: from the margin after its end on."""
    for seconds in (0.0, 0.3, 2.7, 9.4):
        yield lives_until + MARGIN + timedelta(seconds=seconds)


def _is_taken_for_absent(found: Listing, now: datetime, lives_until: datetime) -> bool:
    if candidates(found.messages, CLIENT, "hola", frozenset()):
        return False
    return proves_absence(found, read_at=now, lives_until=lives_until)


@pytest.mark.parametrize("spread", [0.0, 4.0, 9.0])
def test_within_the_margin_nothing_that_was_made_is_taken_for_absent(spread: float) -> None:
    assert doubled(Lag(1.0, spread, is_unordered=True)) == 0


def test_beyond_it_some_are_and_the_readme_says_so() -> None:
    assert 0 < doubled(Lag(1.0, 60.0, is_unordered=True)) < _WORLDS
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())
    assert (
        f"a list that shows a message more than {MARGIN.total_seconds():.0f} s later than younger ones"
        in readme
    )


def test_pages_hold_each_message_once_newest_second_first() -> None:
    ledger, sids = Ledger(), [f"SM{number:032x}" for number in range(2 * _PAGE_SIZE + 5)]
    for place, sid in enumerate(sids):
        ledger.add(message(sid, CLIENT, at(place / 10)))
    found = listing(ledger, at(60), Lag(is_unordered=True)).messages
    assert sorted(each.sid for each in found) == sids
    times = [each.created for each in found]
    assert times == sorted(times, reverse=True)
    assert [each.sid for each in found] != sids[::-1]
