"""DEFAULT_REGION counts whichever way a call comes: by its topic, a replay, a back-fill, or HTTP."""

import json
from datetime import UTC, datetime

import pytest

from schemas.errors import InvalidInput
from schemas.events import CallCompleted
from schemas.settings import load_settings
from schemas.topics import CALL_COMPLETED
from streams.actors.records import parsed
from streams.replay.candidates import read
from streams.replay.reader import Record
from tests.unit.test_backfill_batch import SINCE, UNTIL, batch, recipient
from web.backfill_batch import ended_calls

NATIONAL = "313 853 9155"
COUNTRY = load_settings({"DEFAULT_REGION": "CO"}).country
NOWHERE = load_settings({}).country
VALUE = json.dumps(
    {
        "agent_id": "agent_1",
        "recipient": {"phone_number": NATIONAL, "conversation_id": "conv_1", "status": "completed"},
    }
).encode()


def test_a_call_on_the_topic_is_read_like_one_over_http() -> None:
    event = parsed(CALL_COMPLETED, VALUE, COUNTRY)
    assert (event.key, event) == ("+573138539155", CallCompleted.from_json(VALUE, COUNTRY))
    with pytest.raises(InvalidInput, match="DEFAULT_REGION"):
        parsed(CALL_COMPLETED, VALUE, NOWHERE)


def test_a_replay_finds_it() -> None:
    record = Record(CALL_COMPLETED, 0, 7, None, VALUE, datetime.now(UTC))
    assert (read(record, COUNTRY).key, read(record, NOWHERE).value) == ("+573138539155", None)


def test_so_does_a_back_fill() -> None:
    campaign = batch(recipient(phone_number=NATIONAL))
    [found] = ended_calls(campaign, SINCE, UNTIL, COUNTRY)
    assert found.call.key == "+573138539155"
    assert list(ended_calls(campaign, SINCE, UNTIL, NOWHERE)) == []
