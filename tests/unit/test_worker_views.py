"""The worker's views: JSON for programs, for a browser a page that a person can read."""

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from clients.circuit_breaker import CircuitBreaker
from clients.sender_standing import Standing
from streams.worker.views import Views

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
POSITIONS = {"call-completed-2": 7, "inbound-message-10": 5, "inbound-message-9": 4}
LOST = "inbound-message/9: committed 99, kept 0 to 7"
UNFINISHED = {"inbound-message-9": {"unfinished": 3, "oldest_offset": 1, "oldest_seconds": 41.5}}


@pytest.fixture(params=[{}])
def views(tmp_path: Path, request: pytest.FixtureRequest) -> Any:  # noqa: ANN401
    part = SimpleNamespace
    over = {
        "partitions": UNFINISHED,
        "generation": 1,
        "stopped": {},
        "is_fenced": False,
        "standing": [],
        "rebalancing": False,
    } | request.param
    doing = {"mailboxes": 2, "in_flight": 1, "oldest": {"record": 41.5}}
    mailboxes = part(snapshot=lambda: {**doing, "partitions": deepcopy(over["partitions"])}, **over)
    engine = part(
        snapshot=lambda: POSITIONS,
        lag=lambda: dict.fromkeys(POSITIONS, 0) | {"inbound-message-10": 12},
        assignment=lambda: {"inbound-message": [9, 10]},
        pauses=(),
        lost_offsets={9: LOST},
    )
    progress = part(seconds=lambda: 0.5, behind=12, is_stuck=lambda: False, standing=lambda: over["standing"])
    publisher = part(unpublished=3, oldest_seconds=lambda: 0.25)
    given: list[Any] = [part(**over), mailboxes, engine, publisher, part(partitions=[2, 9, 10]), progress]
    return Views(
        *given, [CircuitBreaker("twilio")], Standing.begun(lambda: datetime.now(UTC)), tmp_path
    ).application()


async def test_partitions_are_json_for_a_program(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        answer = await client.get("/partitions")
        body = await answer.json()
    assert (body["positions"], body["partitions"], body["behind"], body["in_flight"]) == (
        POSITIONS,
        UNFINISHED,
        12,
        1,
    )


_AHEAD = {"unfinished": 2, "oldest_offset": 17, "oldest_seconds": 0.5}


@pytest.mark.parametrize("views", [{"partitions": {"inbound-message-ahead-9": _AHEAD}}], indirect=True)
async def test_what_went_ahead_has_no_offset_of_its_own(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        body = await (await client.get("/partitions")).json()
        page = await (await client.get("/partitions", headers=BROWSER)).text()
    assert body["partitions"] == {"inbound-message-ahead-9": _AHEAD | {"oldest_offset": None}}
    assert "<td>inbound-message-ahead-9</td>" in page


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
            assert (page.status, page.content_type, json.content_type) == (
                200,
                "text/html",
                "application/json",
            ), path


async def test_lost_offsets_are_told_until_the_next_start(views: Any) -> None:  # noqa: ANN401
    async with TestClient(TestServer(views)) as client:
        assert (await (await client.get("/ready")).json())["lost_offsets"] == [LOST]


@pytest.mark.parametrize(
    ("views", "standing", "helps"),
    [
        (
            {"stopped": {9: "KeyError (decide.py:7)"}},
            ["partition 9 stands still: KeyError (decide.py:7)"],
            False,
        ),
        ({"standing": ["Kafka does not answer"]}, ["Kafka does not answer"], False),
        ({"is_fenced": True}, ["partitions have a newer owner"], True),
        ({"generation": 0}, ["no partitions yet"], True),
        ({"rebalancing": True}, [], True),
    ],
    indirect=["views"],
)
async def test_while_anything_stands_still_it_is_not_ready_and_says_why(
    views: Any,  # noqa: ANN401
    standing: list[str],
    helps: bool,
) -> None:
    async with TestClient(TestServer(views)) as client:
        answer = await client.get("/ready")
        body, partitions = await answer.json(), await (await client.get("/partitions")).json()
    assert (answer.status, body["ready"], body["standing"], body["restart_helps"]) == (
        503,
        False,
        standing,
        helps,
    )
    assert (partitions["standing"], partitions["restart_helps"]) == (standing, helps)


@pytest.mark.parametrize("views", [{"stopped": {9: "KeyError (decide.py:7)"}}], indirect=True)
async def test_what_is_under_way_and_what_stands_still_are_told_to_programs(
    views: Any,  # noqa: ANN401
) -> None:
    async with TestClient(TestServer(views)) as client:
        body = await (await client.get("/partitions")).json()
        metrics = await (await client.get("/metrics")).text()
    assert body["stopped"] == {"9": "KeyError (decide.py:7)"}
    assert (body["unpublished"], body["oldest"]) == (3, {"record": 41.5, "unpublished": 0.25})
    assert "whatsapp_partitions_stopped 1.0" in metrics
