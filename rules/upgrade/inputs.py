"""Events that the former build had stored, as inputs and as what waits in a state."""

from rules.inputs import MessageReceived
from rules.keywords import Intent
from rules.turns import Waiting
from schemas.former import FormerInput
from schemas.rows import Json


def waiting_message(given: FormerInput) -> Waiting:
    """Return a client's message whose row is there already."""
    return Waiting(
        kind="message",
        event_id=given.event_id,
        at=given.received_at,
        text=given.payload.get("text", ""),
        message_id=given.message_id,
        address=given.address,
        request_id=given.payload.get("request_id"),
        replay=given.payload.get("replay"),
        trace=given.trace,
    )


def waiting_call(given: FormerInput, former: Json | None, request_id: str | None = None) -> Waiting:
    """Return an ended call. `former`: the previous call."""
    return Waiting(
        kind="call",
        event_id=given.event_id,
        at=given.received_at,
        payload=given.payload | {"_former": former, "_followed_up": None},
        request_id=request_id,
        trace=given.trace,
    )


def waiting_text(given: FormerInput) -> Waiting:
    """Return what an operator wrote."""
    return Waiting(
        kind="write",
        event_id=given.event_id,
        at=given.received_at,
        text=given.payload.get("text") or "",
        payload=given.payload,
        request_id=given.payload.get("request_id"),
        trace=given.trace,
    )


def waiting_notice(name: str, given: FormerInput) -> Waiting:
    """Return one of our own short texts. `given`: the message that it confirms."""
    return Waiting(
        kind="notice",
        event_id=given.event_id,
        at=given.received_at,
        text=name,
        request_id=given.payload.get("request_id"),
        trace=given.trace,
    )


def message(given: FormerInput) -> MessageReceived:
    """Return a client's message that nobody has looked at yet."""
    payload = given.payload
    intent, params = payload.get("intent"), payload.get("params") or {}
    return MessageReceived(
        event_id=given.event_id,
        address=given.address,
        text=payload.get("text", ""),
        received_at=given.received_at,
        intent=Intent(kind=intent["kind"], replied=intent["replied"]) if intent else None,
        is_reply="quotes" in payload,
        quoted=given.quoted,
        backfilled=bool(payload.get("backfilled")),
        replay=payload.get("replay"),
        request_id=payload.get("request_id"),
        trace=given.trace,
        params=params if params.get("NumMedia", "0") != "0" else None,
    )
