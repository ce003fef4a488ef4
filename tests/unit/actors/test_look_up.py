"""When an unknown send is proven absent.

By a list that shows what was made well after it; else by more than one list read when the patience was over.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.circuit_breaker import CircuitBreaker
from clients.matching import MARGIN
from clients.messenger import ListedMessage, Listing
from clients.twilio.api import TIMEOUT
from rules.effects import LookUpSend
from rules.inputs import LookupDone
from rules.sending import ATTEMPT_LIVES, REQUEST_LIVES
from rules.turns import Part
from schemas.errors import RetryableError
from streams.actors.effects.look_ups import LookUps
from streams.actors.ownership import LEAVES_SECONDS

_INTENDED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_PATIENCE = timedelta(seconds=60)
_OWN_ID = "a1b2"
_NUMBER = "+573138539155"
_TO = f"whatsapp:{_NUMBER}"
_UNKNOWN = LookupDone(own_id=_OWN_ID, over_at=_INTENDED + _PATIENCE)


class _NothingKnown:
    """A pool of a database that knows no sid."""

    async def fetch(self, *_: object) -> list[Any]:
        return []


@dataclass
class _Lists:
    """A messenger that gives one list after the other; a second passes with each."""

    #: None: the list cannot be read.
    lists: list[list[str] | None]
    #: The list of all that was sent, which has its own time.
    all: Listing = Listing(messages=())
    vendor: str = "twilio"
    now: datetime = _INTENDED
    asked: list[datetime] = field(default_factory=list)

    async def find_sent(self, to: str, body: str | None, *_: object) -> list[ListedMessage]:
        self.asked.append(self.now)
        self.now += timedelta(seconds=1)
        found = self.lists.pop(0)
        if found is None:
            raise RetryableError("twilio", "503")
        return [_listed(sid, to) for sid in found]

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        assert since <= _INTENDED
        return self.all


def _listed(
    sid: str, to: str = "whatsapp:+573001112233", body: str = "hola", *, after: float = 0
) -> ListedMessage:
    created, place = (
        _INTENDED + timedelta(seconds=after),
        {"from_": "us", "is_inbound": False, "status": "sent"},
    )
    return ListedMessage(sid=sid, to=to, body=body, created=created, **place)  # type: ignore[arg-type]


def _look_ups(messenger: _Lists, breaker: CircuitBreaker | None = None) -> LookUps:
    return LookUps(
        cast(Any, _NothingKnown()),
        cast(Any, messenger),
        breaker or CircuitBreaker("twilio"),
        patience=_PATIENCE,
        now=lambda: messenger.now,
        look_every_seconds=0.0,
    )


def _effect(*, lives: float | None = None) -> LookUpSend:
    until = None if lives is None else _INTENDED + timedelta(seconds=lives)
    part = Part(
        own_id=_OWN_ID, to=_TO, body="hola", state="unknown", intended_at=_INTENDED, lives_until=until
    )
    return LookUpSend(id="l", part=part, turn_id=1)


async def _look(*lists: list[str] | None, after: timedelta) -> tuple[LookupDone, _Lists]:
    messenger = _Lists(list(lists), now=_INTENDED + after)
    done = await _look_ups(messenger).look_up(_NUMBER, _effect())
    assert isinstance(done, LookupDone)
    return done, messenger


async def test_while_the_patience_lasts_an_empty_list_proves_nothing() -> None:
    done, messenger = await _look([], after=timedelta(seconds=5))
    assert (done, len(messenger.asked)) == (_UNKNOWN, 1)


async def test_what_is_listed_is_found() -> None:
    done, _ = await _look(["SM1"], after=timedelta(seconds=5))
    assert done.sid == "SM1"


async def test_even_of_a_send_long_ago_one_empty_list_is_no_proof() -> None:
    done, messenger = await _look([], [], ["SM1"], after=timedelta(hours=1))
    assert (done.sid, done.absent) == ("SM1", False)
    done, messenger = await _look([], [], [], [], after=timedelta(hours=1))
    assert done.absent
    assert messenger.asked[-1] - messenger.asked[0] >= timedelta(seconds=2)


async def test_a_list_that_cannot_be_read_proves_nothing() -> None:
    done, _ = await _look([], None, after=timedelta(hours=1))
    assert done == _UNKNOWN


# The attempt was over 5 s after its intention, and it is looked up a minute later by clocks that agree.
_OVER, _LATER = 5.0, timedelta(seconds=30)


async def _with_all(listing: Listing) -> LookupDone:
    messenger = _Lists([[]], all=listing, now=_INTENDED + _LATER)
    done = await _look_ups(messenger).look_up(_NUMBER, _effect(lives=_OVER))
    assert isinstance(done, LookupDone)
    return done


def _all(*messages: ListedMessage, ahead: float = 0.0, **over: object) -> Listing:
    as_of = _INTENDED + _LATER + timedelta(seconds=ahead)
    return Listing(messages=messages, **({"as_of": as_of} | over))  # type: ignore[arg-type]


async def test_a_list_with_what_was_made_well_after_the_attempt_proves_absence_before_patience_ends() -> None:
    assert (await _with_all(_all(_listed("SM7", after=15)))).absent


@pytest.mark.parametrize(
    "listing",
    [
        _all(),
        _all(_listed("SM7", after=14)),
        _all(_listed("SM7", after=25), ahead=11),
        _all(_listed("SM7", after=25), as_of=None),
        _all(_listed("SM7", after=25), is_whole=False),
    ],
    ids=[
        "empty",
        "nothing young enough",
        "by the vendor's clock it is not",
        "no clock",
        "not all of it was read",
    ],
)
async def test_what_a_list_that_may_be_too_old_does_not_show_is_looked_up_again(listing: Listing) -> None:
    proof_at = _INTENDED + timedelta(seconds=_OVER) + MARGIN + timedelta(seconds=1)
    assert await _with_all(listing) == LookupDone(
        own_id=_OWN_ID, proof_at=proof_at, over_at=_INTENDED + _PATIENCE
    )


async def test_the_same_list_may_show_it_after_all() -> None:
    found = await _with_all(_all(_listed("SM7", after=25), _listed("SM9", _TO, after=3)))
    assert (found.sid, found.absent) == ("SM9", False)


async def test_while_the_vendor_is_away_nothing_is_read_but_by_the_one_that_probes_it() -> None:
    breaker, messenger = CircuitBreaker("twilio", probe_every_seconds=0.01), _Lists([None, None, ["SM9"]])
    while not breaker.is_open:
        with pytest.raises(RetryableError), breaker.watch():
            raise RetryableError("twilio", "HTTP 500")
    looks = _look_ups(messenger, breaker)
    found = [await looks.look_up(_NUMBER, _effect()) for _ in range(3)]
    assert [each == _UNKNOWN for each in found] == [True, True, False]


def test_an_attempt_lives_as_long_as_its_proof_and_its_request() -> None:
    assert TIMEOUT.total is not None
    assert REQUEST_LIVES.total_seconds() >= TIMEOUT.total
    assert timedelta(seconds=LEAVES_SECONDS) == ATTEMPT_LIVES - REQUEST_LIVES
