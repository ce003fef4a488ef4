"""The judge of addresses: a STOP that is handed over counts, and an ALTA may be next in the same moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rules.events import Event, LetterSent, OptedIn, OptedOut, Received, Recorded, TookOver
from rules.person import HandOver, OptOut
from tests.universe.judge import Life
from tests.universe.links import judge_links

_NUMBER, _ID = "+573000000002", "CO.1573001"
_AT = datetime(2026, 3, 2, 15, 0, 50, tzinfo=UTC)
_STOP = OptOut(source="client", event_id="SM1", since=_AT - timedelta(seconds=30))
_TOLD = TookOver(key=_ID, command_id="take_over:65:12:0", hand_over=HandOver(opt_out=_STOP))
_OUT = OptedOut(opt_out=_STOP, by="client")
_IN, _OTHER = OptedIn(by="client", message_sid="SM3"), LetterSent(letter_id="link:1")


def _received(sid: str, *, handed_over: bool = False) -> Received:
    return Received(
        message_sid=sid,
        content="hola",
        received_at=_AT,
        message_id=int(sid[2:]),
        address=f"whatsapp:{_NUMBER}",
        handed_over=handed_over,
    )


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([_TOLD, _OUT, _OTHER], True),
        ([_TOLD, _received("SM2", handed_over=True), _OUT, _OTHER], True),
        ([_TOLD, _OUT, _received("SM3"), _IN, _OTHER], True),
        ([_OUT, _TOLD, _IN, _OTHER], True),
        ([_TOLD, _OTHER], False),
        ([_TOLD, _received("SM2", handed_over=True), _received("SM3"), _OUT, _OTHER], False),
        ([_TOLD, _OTHER, _OUT], False),
    ],
)
@pytest.mark.parametrize("until_last", [timedelta(0), timedelta(seconds=1)])
def test_a_stop_that_is_handed_over_counts_before_anything_else(
    events: list[Event], *, counts: bool, until_last: timedelta
) -> None:
    log = [
        Recorded(conversation_id=34, number=place, at=_AT, event=event)
        for place, event in enumerate(events, start=1)
    ]
    log[-1] = replace(log[-1], at=_AT + until_last)
    violated: list[str] = []
    universe: Any = SimpleNamespace(
        people=SimpleNamespace(erased=set(), addresses_of=lambda key: (_NUMBER, _ID)),
        world=SimpleNamespace(violated=violated.append),
    )
    judge_links(universe, {_NUMBER: Life(_NUMBER, log)})
    assert (violated == []) == counts
