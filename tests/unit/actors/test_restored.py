"""After a restore, a message already sent for the same event is not sent again, whatever its words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.messenger import ListedMessage
from db.pool import Pool
from rules.effects import SendMessage
from rules.turns import Part
from schemas.errors import RetryableError
from streams.actors.effects.restored import RestoredSends

NUMBER = "+573138539155"
RESTORED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PART = Part(own_id="1", to=f"whatsapp:{NUMBER}", body="hola", tries=1)
BEFORE = SendMessage(
    id="s", part=PART, turn_id=1, asked_at=RESTORED - timedelta(minutes=5), request_id=None, trace=None
)


class Database:
    """Knows of a restore, and which messages are accounted for."""

    def __init__(self, restored_at: datetime | None) -> None:
        # `asked`: how often it was asked about the restore.
        self.restored_at, self.asked = restored_at, 0

    def is_closing(self) -> bool:
        return False

    async def fetchval(self, *arguments: object) -> datetime | None:
        self.asked += 1
        return self.restored_at

    async def fetch(self, *arguments: object) -> list[dict[str, str]]:
        return [{"sid": "SMknown"}]


class Vendor:
    """Lists what it has, from the nth look on; what is accounted for is left out by whoever lists."""

    vendor = "twilio"

    def __init__(self, *sids: str, first_shown: int = 1, away: bool = False) -> None:
        self.sids, self.first_shown, self.away = sids, first_shown, away
        self.looks: list[tuple[str | None, datetime, set[str]]] = []

    async def find_sent(
        self, to: str, body: str | None, since: datetime, known: set[str]
    ) -> list[ListedMessage]:
        self.looks.append((body, since, known))
        if self.away:
            raise RetryableError("twilio", "HTTP 500")
        shown = self.sids if len(self.looks) >= self.first_shown else ()
        return [
            ListedMessage(
                sid=sid, to=to, from_="", body=f"texto {sid}", is_inbound=False, status="sent", created=since
            )
            for sid in shown
        ]


async def found(
    vendor: Vendor, effect: SendMessage = BEFORE, restored_at: datetime | None = RESTORED
) -> ListedMessage | None:
    sends = RestoredSends(cast(Pool, Database(restored_at)), cast(Any, vendor), dict, look_every_seconds=0.0)
    return await sends.find(NUMBER, effect)


async def test_the_oldest_that_nobody_accounts_for_is_the_message() -> None:
    vendor = Vendor("SM3", "SM2")  # newest first
    sent = await found(vendor)
    assert sent is not None
    assert (sent.sid, sent.body) == ("SM2", "texto SM2")
    assert vendor.looks == [(None, BEFORE.asked_at - timedelta(seconds=10), {"SMknown"})]


async def test_one_list_is_no_proof() -> None:
    vendor = Vendor("SM2", first_shown=3)
    assert await found(vendor) is not None
    assert len(vendor.looks) == 3
    nothing = Vendor()
    assert await found(nothing) is None
    assert len(nothing.looks) == 4


@pytest.mark.parametrize(
    ("effect", "restored_at"),
    [
        (BEFORE, None),
        (replace(BEFORE, asked_at=RESTORED), RESTORED),
    ],
)
async def test_nothing_else_is_suspect(effect: SendMessage, restored_at: datetime | None) -> None:
    vendor = Vendor("SM2")
    assert await found(vendor, effect, restored_at) is None
    assert vendor.looks == []


async def test_the_next_try_looks_again() -> None:
    """The first one's list may have failed."""
    again = replace(BEFORE, part=replace(PART, tries=2))
    assert (await found(Vendor("SM2"), again)) is not None


async def test_while_the_list_cannot_be_read_nothing_is_known() -> None:
    with pytest.raises(RetryableError):
        await found(Vendor(away=True))


async def test_the_database_is_asked_once_an_assignment() -> None:
    database, epochs = Database(None), [{0: 1}]
    sends = RestoredSends(
        cast(Pool, database), cast(Any, Vendor()), lambda: epochs[-1], look_every_seconds=0.0
    )
    for _ in range(3):
        await sends.find(NUMBER, BEFORE)
    epochs.append({0: 2})
    await sends.find(NUMBER, BEFORE)
    assert database.asked == 2
