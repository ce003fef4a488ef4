"""The topic formats in the README of `schemas`, against the models and recorded events."""

import json
import re
from dataclasses import fields
from typing import Any, get_args

import pytest

from rules.codec import _TYPES
from rules.events import Event, StatusChanged
from schemas import models
from schemas.asyncapi import MODELS
from schemas.events import EventType
from schemas.topics import ALL_TOPICS
from tests.support.up import ROOT

PAGE = (ROOT / "schemas" / "README.md").read_text()
EXAMPLES: dict[str, str] = dict(re.findall(r"^```json ([\w -]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
# (type, its data's keys) of each row of the table
ROWS = {
    name: set(re.findall(r"`(\w+)`", data))
    for names, data in re.findall(
        r"^\| (`[\w`, ]+`) \| (.+) \|$", PAGE.split("## `conversation-event`")[1], re.MULTILINE
    )
    for name in re.findall(r"`(\w+)`", names)
}
RECORDED = (ROOT / "tests" / "unit" / "recorded" / "conversation-event.v3.jsonl").read_text().splitlines()


def test_every_topic_is_told_of_with_an_example() -> None:
    assert set(EXAMPLES) == set(MODELS)
    assert set(models.MODELS) == set(ALL_TOPICS)
    assert set(re.findall(r"^\| `([\w-]+)` \| .+ \| .+ \| .+ \|$", PAGE, re.MULTILINE)) == set(ALL_TOPICS)


@pytest.mark.parametrize("kind", MODELS)
def test_an_example_is_read_and_names_only_what_the_model_knows(kind: str) -> None:
    model = MODELS[kind]
    event = model.from_json(EXAMPLES[kind].encode())
    assert set(json.loads(EXAMPLES[kind])) <= set(model.model_fields)
    assert model.from_json(event.to_json()) == event


def test_every_type_of_event_has_a_row() -> None:
    assert set(ROWS) == set(get_args(EventType))


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_all_that_an_event_can_have_is_told(kind: type[Any]) -> None:
    """The status of who speaks next is its type, and which of the failed ones it is `what`."""
    told = ROWS["escalated"] if kind is StatusChanged else ROWS[_TYPES[kind]]
    assert {field.name for field in fields(kind)} - {"status"} <= told


@pytest.mark.parametrize("line", RECORDED, ids=lambda line: str(json.loads(line)["event_id"]))
def test_what_a_recorded_event_has_is_told(line: str) -> None:
    event = json.loads(line)
    told = ROWS[event["type"]]
    assert set(event["data"]) <= told
