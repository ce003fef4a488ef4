"""What `stats --check` and `--rebuild --source postgres` say of rows changed by hand, without Kafka."""

from collections.abc import Callable
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import pytest

from clients.kafka.producer import partition_of
from db.pool import Pool
from db.store.publication import advance, unpublished
from rules.codec import published
from schemas.documents import now
from schemas.settings import load_settings
from streams.stats.check import Check
from streams.stats.event import parse_event
from streams.stats.live import Assignment, LiveRecords
from streams.stats.postgres import Rows
from streams.stats.record import apply
from streams.stats.upkeep import Remaker
from tests.support.stored_chat import StoredChat, stored_chat

_PARTITIONS = 4
_CHATS = 6
_SETTINGS = load_settings({}, stats_timezone="UTC")


class Tables:
    """The records as a stats worker has them; stands in for its views."""

    def __init__(self) -> None:
        app: Any = SimpleNamespace(rebalancing_count=0, rebalancing=False)
        places = [SimpleNamespace(topic="changelog", partition=number) for number in range(_PARTITIONS)]
        app.assignor = SimpleNamespace(assigned_actives=lambda: places)
        app.tables = SimpleNamespace(actives_ready=True)
        self._all: dict[str, Any] = {}
        self.live = LiveRecords(
            SimpleNamespace(data=self._all),
            self,  # type: ignore[arg-type]  # what changes goes nowhere
            Assignment(app, "changelog"),
            partitions=_PARTITIONS,
            zone=UTC,
            days_kept=_SETTINGS.stats_days_kept,
        )

    def put(
        self,
        partition: int,
        key: str,
        record: Any,  # noqa: ANN401
        done: Callable[[], None] | None = None,
    ) -> None:
        """Drop what `Changes` would take to Kafka."""

    async def tell(self, pool: Pool, epoch: int) -> None:
        """All that is in the log is published, and counted."""
        rows = await unpublished(pool, 0, after=0, most=10_000)
        for each in rows:
            event = parse_event(published(each.row, each.phone_number, each.conversation_id)[0])
            record = apply(self.live.find(event.phone_number), event, UTC)
            self.live.write(partition_of(event.phone_number, _PARTITIONS), event.phone_number, record)
        await advance(pool, {0: epoch}, {0: rows[-1].row.sequence})

    async def partitions(self) -> int:
        return _PARTITIONS

    async def records(self, partition: int) -> dict[str, Any]:
        return {key: record for key, record in self._all.items() if record["partition"] == partition}


class Counted:
    """Nothing stands behind the group's offset."""

    async def of(self, partition: int) -> int:
        return 0


@pytest.fixture
async def chats(pool: Pool) -> list[StoredChat]:
    first = await stored_chat(pool)
    chats = [first.another(f"+57313853900{number}") for number in range(_CHATS)]
    for number, chat in enumerate(chats):
        chat.now = now()
        chat.call(f"call-{number}", batch_id="b1")
        chat.greet()
        chat.exchange("hola", "una")
        await chat.save()
    return chats


async def test_rows_that_somebody_changed_are_told_and_made_again(
    pool: Pool, chats: list[StoredChat]
) -> None:
    tables, rows = Tables(), Rows(pool, _SETTINGS.stats_closed_kept_days)
    await tables.tell(pool, chats[0].epoch)
    check = Check(_SETTINGS, tables, rows, Counted(), patience=0)  # type: ignore[arg-type]
    found = await check.compare()
    assert (found.conversations, found.differences, found.pending) == (_CHATS, [], 0)

    changed = chats[0].state.id
    await pool.execute("UPDATE conversation_state SET status = 'closed' WHERE id = $1", changed)
    await pool.execute(
        "DELETE FROM conversation_messages WHERE conversation_id = $1 AND direction = 'inbound'", changed
    )
    found = await check.compare()
    assert {"status", "received"} <= {each.field for each in found.differences}
    assert {each.conversation for each in found.differences} == {"+57******9000"}

    remaker = Remaker(tables.live, rows)
    ids = [row.id async for page in remaker.pages() for row in page]
    assert (len(ids), await remaker.make(ids)) == (_CHATS, 1)
    assert (await check.compare()).equal
