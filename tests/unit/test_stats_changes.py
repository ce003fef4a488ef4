"""What is written to the changelog is what Faust reads from it."""

from pathlib import Path

from faust.types.tuples import ConsumerMessage

from schemas.settings import load_settings
from streams.stats.app import create_stats_app
from streams.stats.changes import _serialized
from streams.stats.record import empty

PHONE = "+573138539155"


async def test_the_table_reads_what_changes_write(tmp_path: Path) -> None:
    settings = load_settings({}, kafka_bootstrap_servers="127.0.0.1:9")  # nobody is asked
    table = create_stats_app(settings, 4, "http://127.0.0.1:9", tmp_path).table
    entry = _serialized(PHONE, empty(1, PHONE))
    message = ConsumerMessage("t", 0, 0, 0.0, 0, [], entry["key"], entry["value"], None, 0, 0)
    event = await table.changelog_topic.decode(message, propagate=True)
    assert (event.key, event.value) == (PHONE, empty(1, PHONE))
