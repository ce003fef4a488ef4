"""What ElevenLabs knows and nobody told us is fetched: summaries, durations, a campaign's ended calls."""

import time

from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import post_body, sent_to
from tests.support.up import State, call_body, conversation_of, eventually_sync, on_database, replaced

_CAMPAIGN = "camp_unheard_of"
_BATCH, _OTHER = "btcal_backfilled", "btcal_unheard_of"
_TOLD, _UNTOLD, _ELSEWHERE, _MACHINE = "+573138536001", "+573138536002", "+573138536003", "+573138536004"
_MINUTES = 10


def _known_to_elevenlabs(up: State, number: str, **over: object) -> None:
    call = {
        "conversation_id": f"conv_{number}",
        "agent_id": "agent_1",
        "phone_number": number,
        "batch_id": _BATCH,
        "began": time.time() - _MINUTES * 60,
        "dynamic_variables": {"client_name": "Berta"},
    }
    http.post(up["elevenlabs_url"] + "/_sim/calls", json=call | over).raise_for_status()


def _row(up: State, number: str) -> tuple[str | None, int | None]:
    query = "SELECT call_summary, call_duration_secs FROM conversation_state WHERE phone_number = $1"
    [row] = on_database(up, query, number)
    return row["call_summary"], row["call_duration_secs"]


def _give_up(up: State, number: str) -> None:
    """The worker has asked for the call's details for 20 minutes, and does not any more."""
    with replaced(up, "worker"):
        on_database(
            up, "UPDATE conversation_actor SET state = state - 'lookups' WHERE phone_number = $1", number
        )


def test_what_elevenlabs_knows_by_now_is_filled_in_and_its_untold_calls_begin(
    operated: State, command: Command
) -> None:
    _known_to_elevenlabs(
        operated, _TOLD, summary=None, transcript=[], status="in-progress", live_seconds=3600
    )
    body = call_body(f"conv_{_TOLD}", _TOLD) | {"batch_id": _BATCH}
    answer = post_body(operated, body)
    assert answer.json()["status"] == "message_sent"
    _give_up(operated, _TOLD)
    assert _row(operated, _TOLD) == (None, None)
    _known_to_elevenlabs(operated, _TOLD, summary="Quiere el plan oro", duration=81)
    _known_to_elevenlabs(operated, _UNTOLD)
    _known_to_elevenlabs(operated, _MACHINE, call_result="voicemail")
    _known_to_elevenlabs(operated, _ELSEWHERE, batch_id=_OTHER)

    planned = command("backfill", "--since", "1h", "--dry-run")["elevenlabs"]
    assert planned["summaries"] == [
        {"conversation_id": f"conv_{_TOLD}", "has_summary": True, "duration_secs": 81}
    ]
    ended = {each["conversation_id"]: each["status"] for each in planned["calls"]}
    assert ended == {f"conv_{_UNTOLD}": "completed", f"conv_{_MACHINE}": "voicemail"}
    assert [each["batch_id"] for each in planned["other_batches"]] == [_OTHER]
    assert _row(operated, _TOLD) == (None, None)

    assert command("backfill", "--since", "1h")["elevenlabs"] == planned
    eventually_sync(lambda: _row(operated, _TOLD) == ("Quiere el plan oro", 81))
    assert conversation_of(operated, _UNTOLD, 1)["client_name"] == "Berta"
    missed, held = (
        conversation_of(operated, number, 1)["messages"][0]["content"] for number in (_MACHINE, _UNTOLD)
    )
    assert missed != held, "who was not reached is not thanked for the call"

    again = command("backfill", "--since", "1h", "--batch", _OTHER)["elevenlabs"]
    assert again["summaries"] == []
    assert [each["conversation_id"] for each in again["calls"]] == [f"conv_{_ELSEWHERE}"]
    assert again["other_batches"] == []
    assert conversation_of(operated, _ELSEWHERE, 1)["message_count"] == 1
    once_more = command("backfill", "--since", "1h", "--batch", _OTHER)["elevenlabs"]
    assert (once_more["summaries"], once_more["calls"]) == ([], [])


def test_a_campaigns_untold_calls_begin_once_for_each_lead(operated: State, command: Command) -> None:
    held, missed = "+573138536011", "+573138536012"
    campaign = {"batch_id": None, "campaign_id": _CAMPAIGN}
    _known_to_elevenlabs(operated, held, recipient_id="lead_1", **campaign)
    for attempt in range(2):
        unconnected = {
            "connected": False,
            "status": "failed",
            "call_result": "no_answer",
            "recipient_id": "lead_2",
        }
        _known_to_elevenlabs(
            operated, missed, conversation_id=f"attempt_{attempt}", **campaign, **unconnected
        )
    unheard_of = command("backfill", "--since", "1h", "--dry-run")["elevenlabs"]["other_batches"]
    assert _CAMPAIGN in [each["batch_id"] for each in unheard_of]
    found = command("backfill", "--since", "1h", "--batch", _CAMPAIGN)["elevenlabs"]["calls"]
    assert {(each["number"], each["status"], each["batch_id"]) for each in found} == {
        (held, "completed", _CAMPAIGN),
        (missed, "no_answer", _CAMPAIGN),
    }
    assert conversation_of(operated, held, 1)["client_name"] == "Berta"
    conversation_of(operated, missed, 1)
    assert command("backfill", "--since", "1h", "--batch", _CAMPAIGN)["elevenlabs"]["calls"] == []
    assert len(sent_to(operated, missed)) == 1


def test_elevenlabs_away_is_said_and_twilio_is_compared_all_the_same(
    operated: State, command: Command
) -> None:
    http.post(
        operated["elevenlabs_url"] + "/_sim/faults", json={"batches-500": {"count": 1}}
    ).raise_for_status()
    told = command("backfill", "--since", "1h", code=1)
    assert told["elevenlabs"] == {"problem": "elevenlabs 500: Internal error"}
    assert told["published"]
