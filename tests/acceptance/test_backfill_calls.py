"""What ElevenLabs knows and nobody told us is fetched: summaries, durations, ended calls of a campaign."""

import asyncio
import time

import asyncpg
import httpx

from tests.acceptance.conftest import Command
from tests.support.up import State, call_body, conversation_of

_BATCH, _OTHER = "btcal_backfilled", "btcal_unheard_of"
_TOLD, _UNTOLD, _ELSEWHERE = "+573138532001", "+573138532002", "+573138532003"
_MINUTES = 10


def _known_to_elevenlabs(up: State, number: str, **over: object) -> None:
    call = {"conversation_id": f"conv_{number}", "agent_id": "agent_1", "phone_number": number, "batch_id": _BATCH,
            "began": time.time() - _MINUTES * 60, "dynamic_variables": {"client_name": "Berta"}}  # fmt: skip
    httpx.post(up["elevenlabs_url"] + "/_sim/calls", json=call | over).raise_for_status()


async def _row(up: State, number: str, *, forget_lookup: bool = False) -> tuple[str | None, int | None]:
    connection = await asyncpg.connect(up["database_url"])
    try:
        if forget_lookup:  # the worker has asked for 20 minutes, and gives up
            await connection.execute("DELETE FROM conversation_lookup")
        query = "SELECT call_summary, call_duration_secs FROM conversation_state WHERE phone_number = $1"
        row = await connection.fetchrow(query, number)
        assert row is not None
        return row["call_summary"], row["call_duration_secs"]
    finally:
        await connection.close()


def test_what_elevenlabs_knows_by_now_is_filled_in_and_its_untold_calls_begin(operated: State, command: Command) -> None:
    _known_to_elevenlabs(operated, _TOLD, summary=None, transcript=[], status="in-progress", live_seconds=3600)
    body = call_body(f"conv_{_TOLD}", _TOLD) | {"batch_id": _BATCH}
    answer = httpx.post(operated["web_url"] + "/api/call-completed", json=body, headers=operated["headers"], timeout=15)
    assert answer.json()["status"] == "message_sent"
    assert asyncio.run(_row(operated, _TOLD, forget_lookup=True)) == (None, None)
    _known_to_elevenlabs(operated, _TOLD, summary="Quiere el plan oro", duration=81)
    _known_to_elevenlabs(operated, _UNTOLD)
    _known_to_elevenlabs(operated, _ELSEWHERE, batch_id=_OTHER)

    planned = command("backfill", "--since", "1h", "--dry-run")["elevenlabs"]
    assert planned["summaries"] == [{"conversation_id": f"conv_{_TOLD}", "has_summary": True, "duration_secs": 81}]
    assert [(each["conversation_id"], each["status"]) for each in planned["calls"]] == [(f"conv_{_UNTOLD}", "completed")]
    assert [each["batch_id"] for each in planned["other_batches"]] == [_OTHER]
    assert asyncio.run(_row(operated, _TOLD)) == (None, None)

    assert command("backfill", "--since", "1h")["elevenlabs"] == planned
    assert asyncio.run(_row(operated, _TOLD)) == ("Quiere el plan oro", 81)
    assert conversation_of(operated, _UNTOLD, 1)["client_name"] == "Berta"

    again = command("backfill", "--since", "1h", "--batch", _OTHER)["elevenlabs"]
    assert again["summaries"] == []
    assert [each["conversation_id"] for each in again["calls"]] == [f"conv_{_ELSEWHERE}"]
    assert again["other_batches"] == []
    assert conversation_of(operated, _ELSEWHERE, 1)["message_count"] == 1
    once_more = command("backfill", "--since", "1h", "--batch", _OTHER)["elevenlabs"]
    assert (once_more["summaries"], once_more["calls"]) == ([], [])


def test_elevenlabs_away_is_said_and_twilio_is_compared_all_the_same(operated: State, command: Command) -> None:
    httpx.post(operated["elevenlabs_url"] + "/_sim/faults", json={"batches-500": {"count": 1}}).raise_for_status()
    told = command("backfill", "--since", "1h", code=1)
    assert told["elevenlabs"] == {"problem": "elevenlabs 500: HTTP 500"}
    assert told["published"]
