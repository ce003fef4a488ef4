"""The worker's views: JSON for programs, a page that a person can read for a browser."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from streams.turns.pause import Pause
from streams.worker.views import Views

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
POSITIONS = {"call-completed-2": 7, "inbound-message-10": 5, "inbound-message-9": 4}
LOST = "inbound-message/9: committed 99, kept 0 to 7"
UNFINISHED = {"inbound-message-9": {"unfinished": 3, "oldest_offset": 1, "oldest_seconds": 41.5}}


@pytest.fixture
def views(tmp_path: Path) -> Any:  # noqa: ANN401
    part = SimpleNamespace
    mailboxes = part(generation=1, snapshot=lambda: {"mailboxes": 2, "in_flight": 1, "partitions": UNFINISHED})
    engine = part(
        snapshot=lambda: POSITIONS, lag=lambda: dict.fromkeys(POSITIONS, 0) | {"inbound-message-10": 12},
        assignment=lambda: {"inbound-message": [9, 10]}, pauses=(), lost_offsets={9: LOST},
    )  # fmt: skip
    progress = part(seconds=lambda: 0.5, behind=12, is_stuck=lambda: False)
    given: list[Any] = [part(rebalancing=False), mailboxes, engine, part(partitions=[2, 9, 10]), progress]
    return Views(*given, [Pause("twilio")], tmp_path).application()


async def test_partitions_are_json_for_a_program(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        answer = await client.get("/partitions")
        body = await answer.json()
    assert (body["positions"], body["partitions"], body["behind"], body["in_flight"]) == (POSITIONS, UNFINISHED, 12, 1)


async def test_partitions_are_a_table_for_a_browser(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        answer = await client.get("/partitions", headers=BROWSER)
        text = await answer.text()
    assert answer.content_type == "text/html"
    row = "<td>inbound-message-9</td><td>4</td><td>0</td><td>3</td><td>1</td><td>41.5</td>"
    assert row in text
    assert text.index("call-completed-2") < text.index("inbound-message-9") < text.index("inbound-message-10")
    for heading in ("lag", "oldest seconds", "mailboxes", "in flight", "assignment"):
        assert f"<th>{heading}</th>" in text


async def test_every_view_has_a_page(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        for path in ("/live", "/ready", "/partitions"):
            page, json = await client.get(path, headers=BROWSER), await client.get(path)
            assert (page.status, page.content_type, json.content_type) == (200, "text/html", "application/json"), path


async def test_lost_offsets_are_told_until_the_next_start(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        assert (await (await client.get("/ready")).json())["lost_offsets"] == [LOST]
