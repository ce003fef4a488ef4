"""`backfill` refuses what would be done twice."""

import pytest

from cli.backfill import run_backfill
from schemas.errors import InvalidInput
from schemas.settings import load_settings

_THERE = {
    "DATABASE_URL": "postgresql://127.0.0.1:9/none",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "x",
    "TOPIC_RETENTION_HOURS": "24",
    "JOURNAL_RETENTION_DAYS": "3",
}


def test_what_the_journal_has_forgotten_is_not_taken_for_new() -> None:
    with pytest.raises(InvalidInput, match=r"^--since: at most 3d: .*JOURNAL_RETENTION_DAYS") as caught:
        run_backfill(load_settings(_THERE), "73h", None, dry_run=True, json_output=True)
    assert "\n" not in str(caught.value)
