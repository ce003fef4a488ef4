"""What becomes of a send: never guessed, and looked up before anything is sent again."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.circuit_breaker import CircuitBreaker
from clients.messenger import Accepted, ListedMessage, Listing, OutgoingMessage
from clients.rate_limiter import Lane, RateLimiter
from clients.sender_standing import SenderStanding
from rules.effects import AwaitSlot, SendMessage
from rules.inputs import SendAccepted, SendNotMade, SendRefused, SendUnknown, SlotTaken
from rules.turns import Part
from schemas.errors import (
    AccountRefused,
    Fenced,
    NumberBusy,
    RetryableError,
    TerminalError,
    UnknownOutcome,
    Withheld,
)
from streams.actors.effects.delivery import Delivery

NUMBER = "+573138539155"
EPOCH = 3
INTENDED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PART = Part(own_id="1", to=f"whatsapp:{NUMBER}", body="hola", intended_at=INTENDED)


class Twilio:
    """Fails as told; its list is empty, or cannot be read."""

    vendor = "twilio"

    def __init__(self, failure: Exception | None = None, *, unreadable: int = 0) -> None:
        self.failure, self.unreadable = failure, unreadable
        self.sent: list[OutgoingMessage] = []
        self.looks = 0

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        if not may_leave():
            raise Withheld("held up on its way to the socket")
        self.sent.append(message)
        if self.failure is not None:
            raise self.failure
        return Accepted("SM1", "queued")

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        self.looks += 1
        if self.looks <= self.unreadable:
            raise RetryableError("twilio", "HTTP 500")
        return Listing(messages=())


async def never_restored(key: str, effect: SendMessage) -> ListedMessage | None:
    return None


def delivery(
    twilio: Twilio,
    *,
    ours: bool = True,
    breaker: CircuitBreaker | None = None,
    standing: SenderStanding | None = None,
) -> Delivery:
    async def confirm(key: str, since: int) -> None:
        assert since == EPOCH
        if not ours:
            raise Fenced("not ours")

    return Delivery(
        cast(Any, twilio),
        breaker or CircuitBreaker("twilio"),
        RateLimiter(80.0),
        standing or SenderStanding("twilio", lambda: INTENDED),
        epoch_of=lambda key: EPOCH,
        confirm=confirm,
        may_leave=lambda key, epoch: epoch == EPOCH,
        now=lambda: INTENDED,
        find_restored=never_restored,
    )


async def send(twilio: Twilio, **over: Any) -> object:  # noqa: ANN401
    effect = SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    return await delivery(twilio, **over).send(NUMBER, effect)


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (None, SendAccepted(own_id="1", sid="SM1")),
        (UnknownOutcome("twilio", "broke off"), SendUnknown(own_id="1", why="broke off", left_at=INTENDED)),
        (
            UnknownOutcome("twilio", "HTTP 500", 500),
            SendUnknown(own_id="1", why="HTTP 500", answered=True, left_at=INTENDED),
        ),
        (TerminalError("twilio", "refused", 63013), SendRefused(own_id="1", why="refused", code="63013")),
        (
            RetryableError("twilio", "429", 429, 3.0),
            SendNotMade(own_id="1", why="429", code="429", retry_after=3.0),
        ),
        (
            NumberBusy("twilio", "too many", 63018),
            SendNotMade(own_id="1", why="too many", code="63018", slow=True),
        ),
    ],
)
async def test_each_outcome_is_told_for_what_it_is_after_one_attempt(
    failure: Exception | None, result: object
) -> None:
    twilio = Twilio(failure)
    assert await send(twilio) == result
    assert len(twilio.sent) == 1


async def test_nothing_is_sent_for_a_number_that_is_not_ours_any_more() -> None:
    twilio = Twilio()
    assert await send(twilio, ours=False) == SendUnknown(own_id="1", why="not ours"), (
        "another owner may have sent it"
    )
    assert twilio.sent == []


async def test_ownership_is_proven_after_every_other_wait() -> None:
    waits: list[str] = []

    async def confirm(key: str, since: int) -> None:
        waits.append("proof")

    async def find_restored(key: str, effect: SendMessage) -> ListedMessage | None:
        waits.append("Postgres")
        return None

    sender = delivery(Twilio())
    sender._confirm, sender._find_restored = confirm, find_restored
    await sender.send(
        NUMBER, SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    )
    assert waits == ["Postgres", "proof"]


@pytest.mark.parametrize(
    ("is_lost", "result"),
    [
        (False, SendNotMade(own_id="1", why="held up on its way to the socket")),
        (True, SendUnknown(own_id="1", why="not ours")),
    ],
)
async def test_a_message_that_was_held_up_behind_its_proof_does_not_leave(
    is_lost: bool, result: object
) -> None:
    twilio, breaker, proofs = Twilio(), CircuitBreaker("twilio"), [0]

    async def confirm(key: str, since: int) -> None:
        proofs[0] += 1
        if is_lost and proofs[0] > 1:
            raise Fenced("not ours")

    sender = delivery(twilio, breaker=breaker)
    sender._may_leave, sender._confirm = lambda key, epoch: False, confirm
    effect = SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    assert await sender.send(NUMBER, effect) == result
    assert (twilio.sent, proofs, breaker.recent()) == ([], [2], {"answered": 0, "failed": 0})


async def test_what_memory_knows_to_be_unwanted_by_now_does_not_leave() -> None:
    """A STOP that came while the intention was being written."""
    twilio, sender = Twilio(), delivery(Twilio())
    sender._messenger, sender._may_go = cast(Any, twilio), lambda key, own_id: (key, own_id) != (NUMBER, "1")
    effect = SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    assert await sender.send(NUMBER, effect) == SendNotMade(
        own_id="1", why="held up on its way to the socket"
    )
    assert twilio.sent == []


async def test_what_was_sent_before_a_restore_is_taken_for_the_message() -> None:
    twilio, effect = (
        Twilio(),
        SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None),
    )
    sender = delivery(twilio)

    async def found(key: str, effect: SendMessage) -> ListedMessage | None:
        place = {"to": "", "from_": "", "is_inbound": False}
        return ListedMessage(
            sid="SM7",
            body="hola de antes",
            status="sent",
            created=INTENDED,
            **place,  # type: ignore[arg-type]
        )

    async def unreadable(key: str, effect: SendMessage) -> ListedMessage | None:
        raise RetryableError("twilio", "HTTP 500")

    sender._find_restored = found
    assert await sender.send(NUMBER, effect) == SendAccepted(own_id="1", sid="SM7", body="hola de antes")
    sender._find_restored = unreadable
    assert isinstance(await sender.send(NUMBER, effect), SendNotMade)
    assert twilio.sent == []


async def test_while_the_vendor_is_away_a_read_probes_it_and_nothing_is_sent_before_one_succeeds() -> None:
    breaker, twilio = CircuitBreaker("twilio", probe_every_seconds=0.01), Twilio(unreadable=3)
    while not breaker.is_open:
        with pytest.raises(RetryableError), breaker.watch():
            raise RetryableError("twilio", "HTTP 500")
    slot = await delivery(twilio, breaker=breaker).await_slot(AwaitSlot(id="slot", part=PART, is_first=False))
    assert (slot, twilio.looks, twilio.sent) == (SlotTaken(own_id="1"), 4, [])
    assert breaker.is_open, "that it can be read does not mean that it takes messages"


async def test_an_outage_is_learned_from_the_first_sends_into_it_and_nothing_is_looked_for_meanwhile() -> (
    None
):
    breaker, twilio = CircuitBreaker("twilio"), Twilio(UnknownOutcome("twilio", "HTTP 503", 503))
    for _ in range(5):
        assert isinstance(await send(twilio, breaker=breaker), SendUnknown)
    assert (breaker.is_open, len(twilio.sent), twilio.looks) == (True, 5, 0)
    sender = delivery(twilio, breaker=breaker)
    assert not sender.take_slot()
    waiting = asyncio.create_task(sender.await_slot(AwaitSlot(id="slot", part=PART)))
    await asyncio.sleep(0)
    assert not waiting.done(), "all others wait unsent"
    waiting.cancel()


class Lanes(RateLimiter):
    """Remembers which lane was taken."""

    lane: Lane | None = None

    async def take(self, lane: Lane) -> None:
        self.lane = lane


@pytest.mark.parametrize(
    ("seconds", "is_first", "lane"),
    [
        (None, False, "fresh"),
        (5.0, False, "fresh"),
        (5.1, False, "late"),
        (900.0, False, "late"),
        (900.0, True, "first"),
    ],
)
async def test_what_was_held_up_and_first_messages_have_lanes_of_their_own(
    seconds: float | None, is_first: bool, lane: Lane
) -> None:
    sender, lanes = delivery(Twilio()), Lanes(80.0)
    sender._rate = lanes
    since = None if seconds is None else INTENDED - timedelta(seconds=seconds)
    await sender.await_slot(replace(SLOT, since=since, is_first=is_first))
    assert lanes.lane == lane


SLOT = AwaitSlot(id="slot", part=PART)
FIRST = replace(SLOT, is_first=True)


async def test_a_refused_account_is_told_at_once_and_burns_nothing() -> None:
    standing = SenderStanding("twilio", lambda: INTENDED)
    refused = AccountRefused("twilio", "Authenticate", 20003, 30.0)
    wanted = SendNotMade(own_id="1", why="Authenticate", code="20003", vendor_away=True)
    assert await send(Twilio(refused), standing=standing) == wanted
    sender = delivery(Twilio(), standing=standing)
    assert not sender.take_slot()
    held = await sender.await_slot(FIRST)
    assert isinstance(held, SendNotMade)
    assert (held.code, held.sender_until, held.vendor_away) == (
        "20003",
        INTENDED + timedelta(seconds=30),
        True,
    )
    waiting = asyncio.create_task(sender.await_slot(SLOT))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_at_the_senders_limit_first_messages_are_put_off_and_answers_go() -> None:
    standing = SenderStanding("twilio", lambda: INTENDED)
    for number in ("+1", "+2", "+3"):
        standing.limited(number, frozenset({number}), "63018", by_report=True)
    sender = delivery(Twilio(), standing=standing)
    held = await sender.await_slot(FIRST)
    assert isinstance(held, SendNotMade)
    assert (held.code, held.sender_until) == ("63018", INTENDED + timedelta(minutes=1))
    assert (sender.take_slot(is_first=True), sender.take_slot()) == (False, True)
    assert await sender.await_slot(SLOT) == SlotTaken(own_id="1")


async def test_a_limit_that_is_told_at_once_is_learnt_from_first_messages_alone() -> None:
    standing = SenderStanding("twilio", lambda: INTENDED)
    sender = delivery(Twilio(NumberBusy("twilio", "too many", 63018)), standing=standing)
    effect = SendMessage(id="send", part=PART, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    for is_first, pauses in ((False, 0), (True, 1)):
        for number in range(3):
            person = f"+5731385391{number}"
            part = replace(PART, own_id=str(number), to=f"whatsapp:{person}")
            await sender.send(person, replace(effect, part=part, is_first=is_first))
        assert len(standing.shown()) == pauses


@pytest.mark.parametrize(("to", "shown"), [(f"whatsapp:{NUMBER}", []), ("whatsapp:CO.1234", ["user_ids"])])
async def test_that_an_account_may_not_send_to_ids_is_said_and_nobodys_fault(
    to: str, shown: list[str]
) -> None:
    standing = SenderStanding("twilio", lambda: INTENDED)
    twilio = Twilio(TerminalError("twilio", "not a valid phone number", code=21211))
    sending = delivery(twilio, standing=standing)
    part = replace(PART, to=to)
    effect = SendMessage(id="send", part=part, turn_id=1, asked_at=INTENDED, request_id=None, trace=None)
    refused = await sending.send(NUMBER, effect)
    assert isinstance(refused, SendRefused)
    assert (refused.by_person, [each["scope"] for each in standing.shown()]) == (False, shown)
    assert standing.account.pause is None
    twilio.failure = None
    assert isinstance(await sending.send(NUMBER, effect), SendAccepted)
    assert standing.shown() == [], "it may by now"
