"""Which part of the log `replay --mode rebuild` reads."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cli import replay
from cli.replay import Options, run_replay
from schemas.settings import Settings, load_settings
from schemas.topics import CONVERSATION_EVENT
from streams.replay.window import Window

_THERE = {"DATABASE_URL": "postgresql://127.0.0.1:9/none", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
_TEXT, _TIME = "2025-10-28T11:30:00Z", datetime(2025, 10, 28, 11, 30, tzinfo=UTC)
_REBUILD = Options(
    topic=CONVERSATION_EVENT,
    since=None,
    until=None,
    from_offset=None,
    to_offset=None,
    mode="rebuild",
    number=None,
    batch=None,
    only=None,
    rate=100.0,
    identity=None,
    into=None,
    catch_up=False,
    dry_run=False,
    yes=False,
    as_json=False,
)


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ({}, Window()),
        ({"since": _TEXT}, Window(since=_TIME)),
        ({"until": _TEXT}, Window(until=_TIME)),
        ({"from_offset": 0}, Window(from_offset=0)),
        ({"to_offset": 9}, Window(to_offset=9)),
    ],
)
def test_each_bound_counts_alone(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], window: Window
) -> None:
    read = []

    async def rebuilt(_: Settings, window: Window, **__: object) -> int:
        read.append(window)
        return 0

    monkeypatch.setattr(replay, "run_rebuild", rebuilt)
    assert run_replay(load_settings(_THERE), replace(_REBUILD, **given)) == 0
    assert read == [window]
