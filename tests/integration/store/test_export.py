"""A person can get everything that is kept of them."""

import asyncio
import json
from typing import Any

import pytest

from cli.person import run_export
from db.pool import Pool
from schemas.settings import load_settings
from tests.support.chat import NUMBER
from tests.support.stored_chat import whole_chat


async def test_a_person_can_have_all_that_is_kept(
    pool: Pool, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await whole_chat(pool)
    settings = load_settings({}, database_url=database_url)
    assert await asyncio.to_thread(run_export, settings, "whatsapp:57 313 853 9155") == 0
    kept: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert kept["phone_number"] == NUMBER
    assert [message["content"] for message in kept["messages"]][1:4] == [
        "un secreto",
        "otro secreto",
        "asesor",
    ]
    assert [entry["kind"] for entry in kept["inputs"]][:2] == ["call", "message"]
    assert [event["number"] for event in kept["log"]] == list(range(1, len(kept["log"]) + 1))
    assert [send["body"] for send in kept["sends"]][1:3] == ["otro secreto", "Te paso"]
    assert kept["open"]["key"] == NUMBER
    assert [letter["value"] for letter in kept["dead_letters"]] == [
        "ningún secreto",
        f"{{el secreto de {NUMBER}",
    ]
    assert all(kept.values()), "something of every place"


async def test_of_a_stranger_nothing_is_kept(
    pool: Pool, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({}, database_url=database_url)
    assert await asyncio.to_thread(run_export, settings, "+573138530000") == 1
