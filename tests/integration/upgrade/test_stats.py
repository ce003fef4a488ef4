"""The statistics after `migrate` still say what the former build said of its day."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.pool import Pool
from db.queries import load
from db.readers.statistics import RECORDS, TOLD
from schemas.settings import load_settings
from streams.stats.days import DAYS_KEPT
from streams.stats.postgres import derived
from streams.stats.totals import Totals, figures
from tests.support.recorded import said

_gateway = load("gateway")
ZONE = load_settings({}).stats_timezone
# Nothing has left the statistics yet.
_FOR_EVER = 100_000
_BACKENDS_OWN = """SELECT
  (SELECT count(*) FROM conversation_state s WHERE NOT EXISTS (
     SELECT 1 FROM conversation_log l\
 WHERE l.conversation_id = s.id AND l.type = 'started')) AS conversations,
  (SELECT count(*) FROM conversation_messages
   WHERE direction = 'outbound' AND metadata->>'turn_id' IS NULL) AS messages"""


def day_of_the_record() -> date:
    return datetime.fromisoformat(said()["at"]).astimezone(ZoneInfo(ZONE)).date()


async def new_events(pool: Pool, type_: str) -> int:
    """Return how many events of a type the upgrade added.

    Those are sends that a report had proven, and messages that had waited for a turn to end. Messages waiting
    for a conversation are not counted yet.
    """
    found: int = await pool.fetchval(
        "SELECT count(*) FROM conversation_log WHERE type = $1 AND data->>'schema_version' IS NULL"
        " AND NOT coalesce((data->'data'->>'parked')::boolean, false)",
        type_,
    )
    return found


async def counted(pool: Pool) -> dict[str, Any]:
    row = await pool.fetchrow(_gateway.stats, ZONE, day_of_the_record())
    assert row is not None
    return dict(row)


async def test_the_day_of_the_former_build_is_counted_as_it_counted(upgraded: Pool) -> None:
    found, before = await counted(upgraded), said()["stats"]
    assert found["total_conversations_today"] == before["total_conversations_today"]
    assert found["messages_sent_today"] == before["messages_sent_today"] + await new_events(upgraded, "sent")
    assert found["messages_received_today"] == before["messages_received_today"] + await new_events(
        upgraded, "received"
    )
    rate = round(100 * found["answered_today"] / found["total_conversations_today"], 1)
    assert rate == before["response_rate"]
    # One of the sends that were proven is an answer, too.
    assert float(found["avg_response_time_seconds"]) == pytest.approx(
        before["avg_response_time_seconds"], abs=0.01
    )


async def test_records_made_of_its_rows_add_up_to_that_count(upgraded: Pool) -> None:
    totals, row = Totals(), await counted(upgraded)
    for told in await TOLD.all(upgraded, 0, 1000, _FOR_EVER):
        (each,) = await RECORDS.all(upgraded, [told.id])
        totals.replace(None, derived(each, ZoneInfo(ZONE), DAYS_KEPT))
    found = figures([totals.of(day_of_the_record().isoformat())])
    untold = await upgraded.fetchrow(_BACKENDS_OWN)
    assert untold is not None
    assert found["total_conversations_today"] + untold["conversations"] == row["total_conversations_today"]
    assert found["messages_sent_today"] + untold["messages"] == row["messages_sent_today"]
    assert found["messages_received_today"] == row["messages_received_today"]
    assert found["response_rate"] == round(
        100 * row["answered_today"] / found["total_conversations_today"], 1
    )
    assert found["avg_response_time_seconds"] == pytest.approx(
        float(row["avg_response_time_seconds"]), abs=0.001
    )
