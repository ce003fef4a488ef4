"""When a text turn is complete: the event orders of the vendor's own mock server, and broken ones."""

import pytest

from clients.elevenlabs.turn_end import TurnEnd, Waits
from tests.support.vendor_servers import (
    Json,
    end_of_turn,
    part,
    ping,
    response,
    tool_request,
    tool_response,
)

WAITS = Waits()


def correction(old: str, new: str) -> Json:
    change = {"original_agent_response": old, "corrected_agent_response": new, "event_id": 2}
    return {"type": "agent_response_correction", "agent_response_correction_event": change}


def mcp(state: str) -> Json:
    return {"type": "mcp_tool_call", "mcp_tool_call": {"tool_call_id": "m1", "state": state}}


PLAIN = [part("start"), part("delta", "Cuesta $99")]
END_CALL = [tool_request("end_call"), tool_response("end_call")]
TOOL = [part("start"), response("Un momento."), tool_request("precio"), part("stop")]

# name, events, text, settled, complete, ended
TURNS: list[tuple[str, list[Json], str, bool, bool, bool]] = [
    ("nothing yet", [], "", False, False, False),
    ("response without parts", [response("Sí")], "Sí", True, False, False),
    ("response before stop", [*PLAIN, response("Cuesta $99")], "Cuesta $99", False, False, False),
    ("response, then stop", [*PLAIN, response("Cuesta $99"), part("stop")], "Cuesta $99", True, False, False),
    ("stop, then response", [*PLAIN, part("stop"), response("Cuesta $99")], "Cuesta $99", True, False, False),
    (
        "parts alone",
        [*PLAIN, part("delta", " al mes"), part("stop")],
        "Cuesta $99 al mes",
        True,
        False,
        False,
    ),
    ("open parts are no text", PLAIN, "", False, False, False),
    ("empty response", [response("  ")], "", False, False, False),
    ("tool running", TOOL, "Un momento.", False, False, False),
    ("tool answered", [*TOOL, tool_response("precio")], "Un momento.", True, False, False),
    (
        "two responses with a tool in between",
        [*TOOL, tool_response("precio"), part("start"), part("stop"), response("Cuesta $99")],
        "Un momento.\n\nCuesta $99",
        True,
        False,
        False,
    ),
    ("end of turn", [response("Sí"), end_of_turn()], "Sí", True, True, False),
    ("end of an earlier turn", [end_of_turn()], "", False, False, False),
    ("end of turn with a tool running", [*TOOL, end_of_turn()], "Un momento.", False, False, False),
    ("end of the call", [response("Adiós"), *END_CALL], "Adiós", True, True, True),
    (
        "end of the call failed",
        [response("Adiós"), tool_response("end_call", is_error=True)],
        "Adiós",
        True,
        False,
        False,
    ),
    ("end of the call without a word", [tool_response("end_call")], "", False, False, True),
    ("correction", [response("Son 90"), correction("Son 90", "Son 99")], "Son 99", True, False, False),
    (
        "correction of something else",
        [response("Son 99"), correction("Hola", "")],
        "Son 99",
        True,
        False,
        False,
    ),
    ("corrected to nothing", [response("Son 99"), correction("Son 99", "")], "", False, False, False),
    ("mcp tool running", [response("Veo"), mcp("loading")], "Veo", False, False, False),
    ("mcp tool done", [response("Veo"), mcp("loading"), mcp("success")], "Veo", True, False, False),
    ("stop without start", [response("Sí"), part("stop")], "Sí", True, False, False),
    ("malformed", [{"type": "agent_response"}, {"type": None}, {"type": ["x"]}], "", False, False, False),
]


@pytest.mark.parametrize(
    ("events", "text", "settled", "complete", "ended"), [t[1:] for t in TURNS], ids=[t[0] for t in TURNS]
)
def test_turn(events: list[Json], text: str, settled: bool, complete: bool, ended: bool) -> None:
    turn = TurnEnd(asked_at=0.0)
    for event in events:
        turn.feed(event, 1.0)
    assert (turn.text, turn.settled, turn.complete, turn.ended) == (text, settled, complete, ended)


def test_silence_from_the_start_ends_before_the_deadline() -> None:
    assert TurnEnd(asked_at=100.0).ends_at() == 100.0 + WAITS.silent


def test_open_turn_ends_at_the_deadline() -> None:
    turn = TurnEnd(asked_at=100.0)
    turn.feed(part("start"), 101.0)
    assert turn.ends_at() == 100.0 + WAITS.turn


def test_only_output_of_the_agent_restarts_the_silence() -> None:
    turn = TurnEnd(asked_at=100.0)
    turn.feed(response("Sí"), 101.0)
    for kind in (
        "ping",
        "vad_score",
        "context_usage",
        "mcp_connection_status",
        "user_transcript",
        "unheard_of",
    ):
        turn.feed(ping() | {"type": kind}, 102.0)
    assert turn.ends_at() == 101.0 + WAITS.quiet


def test_silence_never_ends_later_than_the_deadline() -> None:
    turn = TurnEnd(asked_at=100.0)
    turn.feed(response("Sí"), 100.0 + WAITS.turn - 0.1)
    assert turn.ends_at() == 100.0 + WAITS.turn
