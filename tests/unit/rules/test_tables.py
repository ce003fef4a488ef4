"""Whoever adds an event or an input has to say everywhere what it means."""

from pathlib import Path
from typing import get_args

import pytest

from rules import codec, decide, evolve, project, project_sends
from rules import events as e
from rules import inputs as i
from schemas.events import EventType
from schemas.rows import Change

RULES = Path(__file__).parents[3] / "rules"
EVENTS: tuple[type, ...] = get_args(e.Event)
CHANGES_NO_ROW_BUT_THE_CONVERSATIONS = {
    e.Released,  # what waits is in the state alone
    e.ReportedEarly,
    e.StatusChanged,  # the conversation's row follows the state
    e.LookupsEnded,
    e.PostDeferred,
    e.Snapshot,
    e.Forwarded,
    e.LetterSent,
}
"""The conversation's row follows the state, whatever the event."""


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_has_a_type_a_fold_and_its_rows(kind: type) -> None:
    assert kind in codec._TYPES or kind is e.StatusChanged
    assert kind in evolve._HANDLERS
    has_rows = kind in project._HANDLERS or kind in project_sends.HANDLERS
    assert has_rows != (kind in CHANGES_NO_ROW_BUT_THE_CONVERSATIONS)


def test_types_are_spelled_once_but_for_what_failed() -> None:
    names = [name for name in codec._TYPES.values() if name != "failed"]
    assert len(names) == len(set(names)) == len(EVENTS) - 3  # two failed ones, and who speaks has three


def test_the_topic_knows_every_type_and_those_of_former_versions() -> None:
    spelled = {*codec._TYPES.values(), *codec._STATUS_OF}
    assert set(get_args(EventType)) == spelled | {"decided", "parked"}


@pytest.mark.parametrize("kind", get_args(i.Input), ids=lambda kind: kind.__name__)
def test_every_input_is_decided(kind: type) -> None:
    assert kind in decide._HANDLERS


def test_nothing_is_decided_or_folded_that_cannot_come() -> None:
    assert set(decide._HANDLERS) == set(get_args(i.Input))
    assert set(evolve._HANDLERS) == set(EVENTS)


def test_the_tables_of_the_tests_take_every_change() -> None:
    text = (RULES.parent / "tests" / "support" / "tables.py").read_text()
    assert [kind.__name__ for kind in get_args(Change) if f"case {kind.__name__}()" not in text] == []


def test_the_readme_names_every_file() -> None:
    text = (RULES / "README.md").read_text()
    files = {file.name for file in RULES.glob("*.py")} - {"__init__.py"}
    assert {name for name in files if f"`{name}`" not in text} == set()
