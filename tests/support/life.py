"""One number's life in the journal, step by step as the worker takes it; nothing is really sent."""

import uuid
from typing import Any

from schemas.documents import now
from schemas.events import CallCompleted
from streams.journal.journal import Journal
from streams.journal.turn import Send, Turn


def call(conversation: str, phone: str) -> CallCompleted:
    recipient = {"phone_number": phone, "conversation_id": conversation, "id": "rcpt_1"}
    metadata = {"client_name": "Ana García", "group_id": 5}
    return CallCompleted.from_object(
        {"agent_id": "agent", "recipient": recipient, "batch_id": "b", "call_metadata": metadata, "extra": {"a": [1]}}
    )


def message(sid: str, phone: str) -> dict[str, Any]:
    params = {"From": f"whatsapp:{phone}", "Body": f"texto {sid}"}
    return {"event_id": sid, "address": f"whatsapp:{phone}", "received_at": now(), "text": f"texto {sid}",
            "request_id": f"r-{sid}", "backfilled": False, "params": params}  # fmt: skip


async def answer(journal: Journal, turn: Turn, parts: int, **columns: object) -> Turn:
    sends = [Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=f"parte {n}") for n in range(parts)]
    return await journal.answer(turn, {"text": "hola", "raw": {"n": parts}}, sends, text="hola", seconds=0.5, **columns)


async def accept(journal: Journal, turn: Turn, first: int = 0, last: int | None = None) -> None:
    for send in turn.sends[first:last]:
        await journal.accept(turn, send, f"SM{send.own_id}", None)


def report(turn: Turn, place: int, status: str, rank: int, **over: object) -> dict[str, Any]:
    own = turn.sends[place].own_id
    return {"own_id": own, "sid": f"SM{own}", "status": status, "rank": rank, "delivered": rank in (4, 5),
            "read": rank == 5, "failed": False, "error_code": None, "reason": None, **over}  # fmt: skip


async def play(journal: Journal, phone: str) -> None:
    """Two calls, bursts, parts, reports in odd orders, a refusal, an apology, an open turn."""
    await _is_called(journal, phone)
    await _writes_twice_at_once(journal, phone)
    await _gets_half_of_an_answer(journal, phone)
    await accept(journal, await answer(journal, await _called(journal, phone, "c2", "r4"), 1))
    await _gets_an_apology(journal, phone)
    await _gets_what_was_held(journal, phone)
    await answer(journal, await _written(journal, phone, "r6", "m5"), 0)
    await _gets_nothing_of_a_turn_done_again(journal, phone)
    await _written(journal, phone, "r7", "m6")


async def _called(journal: Journal, phone: str, conversation: str, request_id: str) -> Turn:
    turn = (await journal.begin_call(0, call(f"{conversation}{phone}", phone), request_id)).turn
    assert turn is not None
    return turn


async def _written(journal: Journal, phone: str, request_id: str, *sids: str) -> Turn:
    turn = (await journal.begin_reply(0, phone, [message(f"{sid}{phone}", phone) for sid in sids], request_id)).turn
    assert turn is not None
    return turn


async def _is_called(journal: Journal, phone: str) -> None:
    turn = await _called(journal, phone, "c1", "r1")
    details = {"summary": "Quiere el plan", "transcript": [["user", "hola"]], "dynamic_variables": {}}
    turn = await answer(journal, turn, 1, summary="Quiere el plan", duration_secs=61, details=details)
    await journal.report(report(turn, 0, "delivered", 4))  # before its create call has returned
    await accept(journal, turn)


async def _writes_twice_at_once(journal: Journal, phone: str) -> None:
    turn = await answer(journal, await _written(journal, phone, "r2", "m1", "m2"), 3)
    await accept(journal, turn)
    await journal.report(report(turn, 1, "read", 5))
    await journal.report(report(turn, 1, "sent", 3))
    await journal.report(report(turn, 2, "undelivered", 6, failed=True, error_code="63016", reason="window"))


async def _gets_half_of_an_answer(journal: Journal, phone: str) -> None:
    turn = await answer(journal, await _written(journal, phone, "r3", "m3"), 2)
    await accept(journal, turn, 0, 1)
    await journal.fail(turn, code="63003", reason="no", error={"status": 422}, suppress=False)


async def _gets_an_apology(journal: Journal, phone: str) -> None:
    problem = {"what": "agent", "code": None, "reason": "silence"}
    await accept(journal, await answer(journal, await _written(journal, phone, "r5", "m4"), 1, problem=problem))


async def _gets_what_was_held(journal: Journal, phone: str) -> None:
    turn = await answer(journal, await _written(journal, phone, "r8", "m7"), 2)
    await journal.fail(turn, code=None, reason="unknown", error={"status": 422}, suppress=False, send_state="held")
    await journal.report(report(turn, 0, "delivered", 4))  # it was sent after all, and the turn goes on
    await accept(journal, turn, 1)


async def _gets_nothing_of_a_turn_done_again(journal: Journal, phone: str) -> None:
    turn = (await journal.revive(0, phone, "message", f"m4{phone}", "rp1")).turn
    assert turn is not None
    turn = await answer(journal, turn, 1)
    await journal.fail(turn, code="63003", reason="no", error={"status": 422}, suppress=False)
