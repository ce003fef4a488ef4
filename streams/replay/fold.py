"""What events say of the tables' rows: partial rows, of which a later event of the same row overrides an earlier. Pure.

Folding keeps no state between batches, so its memory is that of one batch: what a batch does not say stays as the
database has it. `db.rebuild` joins both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.events import ConversationEvent

Json = dict[str, Any]


@dataclass(slots=True)
class Rows:
    """Partial rows by key. `conversations`: by id; `fresh_messages`: of version 1, which told no ids.

    `failed_turns`: turn's id → state and code of its sends that were not accepted. `numbers`: highest event number by
    conversation. `suppressed`: by number, None where it wants our messages again. `erased`: numbers to be forgotten
    first, and when.
    """

    conversations: dict[int, Json] = field(default_factory=dict)
    turns: dict[int, Json] = field(default_factory=dict)
    inputs: dict[tuple[str, str], Json] = field(default_factory=dict)
    sends: dict[str, Json] = field(default_factory=dict)
    messages: dict[int, Json] = field(default_factory=dict)
    fresh_messages: list[Json] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    failed_turns: dict[int, Json] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    suppressed: dict[str, Json | None] = field(default_factory=dict)
    erased: dict[str, datetime] = field(default_factory=dict)


def fold(rows: Rows, event: ConversationEvent, partition: int) -> None:
    """Add what one event says. Events of one conversation come in the order of their numbers."""
    if event.type == "erased":
        _erased(rows, event)
        return
    row = rows.conversations.setdefault(event.conversation_id, {"id": event.conversation_id})
    row.update(phone_number=event.phone_number, event_number=event.number, last_seen_at=_at(event))
    _HANDLERS.get(event.type, _nothing)(rows, event, partition)
    if event.type not in _TOLD_ELSEWHERE:
        rows.history.append(_history(event))
    row.update(event.state)
    for name in ("call_summary", "call_duration_secs"):
        if name in event.data:
            row[name] = event.data[name]
    if patch := event.data.get("metadata"):
        where = "metadata" if "metadata" in row else "metadata_patch"
        row[where] = {**(row.get(where) or {}), **patch}
    rows.numbers[event.conversation_id] = max(event.number, rows.numbers.get(event.conversation_id, 0))


_TOLD_ELSEWHERE = frozenset({"received", "answered", "sent", "delivered", "parked", "commanded"})
_NOT_IN_HISTORY = frozenset({"row", "content", "text", "reply", "parts", "metadata", "call_summary"})


def _history(event: ConversationEvent) -> Json:
    """What `wm_keep` keeps (db/sql/functions/10_support.sql)."""
    data = {name: value for name, value in event.data.items() if name not in _NOT_IN_HISTORY}
    if "row" in event.data:
        data["started_at"] = event.data["row"].get("started_at")
    row = {"conversation_id": event.conversation_id, "number": event.number, "type": event.type}
    return row | {"at": _at(event), "data": data}


def _started(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data = event.data
    row = rows.conversations[event.conversation_id]
    if "row" in data:
        row.update({name: value for name, value in data["row"].items() if name not in ("id", "event_number")})
    else:  # version 1
        names = ("client_name", "agent_id", "batch_id", "elevenlabs_conversation_id")
        row.update({name: data.get(name) for name in names}, status="active", started_at=_at(event))
    row.pop("metadata_patch", None)
    call = data.get("elevenlabs_conversation_id")
    if not call:
        return
    turn = data.get("turn_id")
    rows.inputs["call", call] = {
        "kind": "call", "event_id": call, "phone_number": event.phone_number, "partition": partition, "state": "taken",
        "address": row.get("address") or f"whatsapp:{event.phone_number}", "turn_id": turn,
        "payload": (row.get("metadata") or {}).get("call") or {}, "received_at": data.get("received_at") or _at(event),
        "taken_at": _at(event), "position": data.get("position") or 0,
    }  # fmt: skip
    if turn is not None:
        _turn(rows, turn, _begun(event, partition, "call", data.get("request_id")))


def _received(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data = event.data
    sid, turn, came = data.get("message_sid"), data.get("turn_id"), data.get("received_at") or _at(event)
    message = {
        "conversation_id": event.conversation_id, "direction": "inbound", "content": data.get("content") or "",
        "twilio_message_id": sid, "sent_at": came,
        "metadata": ({"turn_id": turn, "request_id": data.get("request_id")} if turn is not None else {})
        | {mark: data[mark] for mark in ("backfilled", "replay", "late") if mark in data},
    }  # fmt: skip
    _message(rows, data.get("message_id"), message)
    if sid:
        address = data.get("address") or f"whatsapp:{event.phone_number}"
        payload = {"event_id": sid, "address": address, "received_at": came, "text": data.get("content") or ""}
        payload |= {"replay": data["replay"]} if "replay" in data else {}
        rows.inputs["message", sid] = {
            "kind": "message", "event_id": sid, "phone_number": event.phone_number, "partition": partition,
            "address": address, "state": "taken", "turn_id": turn, "received_at": came, "taken_at": _at(event),
            "payload": payload | {"request_id": data.get("request_id"), "params": data.get("params") or {}},
            "position": data.get("position") or 0,
        }  # fmt: skip
    if turn is not None:
        begun = _begun(event, partition, "reply", data.get("request_id"))
        _turn(rows, turn, {name: value for name, value in begun.items() if name not in rows.turns.get(turn, {})})


def _answered(rows: Rows, event: ConversationEvent, partition: int) -> None:
    """The turn's messages are planned. Whether one was sent must be looked for where no later event tells: intended."""
    data, turn = event.data, event.data.get("turn_id")
    if turn is None or "parts" not in data:
        return
    state = {"state": "answered"} if data["parts"] else {"state": "done", "ended_at": _at(event)}
    kind = {"kind": data["kind"]} if "kind" in data else {}
    of_event = {"phone_number": event.phone_number, "conversation_id": event.conversation_id, "partition": partition}
    rule = {"rule": data["rule"]} if data.get("rule") else {}
    _turn(rows, turn, of_event | kind | state | rule | {"reply": data.get("reply"), "answered_at": _at(event)})
    _came_back(rows, ((data.get("rule") or {}).get("again") or {}).get("parts") or (), _at(event))
    for place, part in enumerate(data["parts"]):
        rows.sends[part["own_id"]] = {
            "own_id": part["own_id"], "turn_id": turn, "part": place, "to_address": part["to_address"],
            "body": part["body"], "content": part.get("content"), "state": "intended", "tries": 1,
            "intended_at": _at(event),
        }  # fmt: skip


def _came_back(rows: Rows, parts: Sequence[Json], at: str) -> None:
    """A turn says what others could not: they are over, and those of their messages that were not sent are not any more."""
    for part in parts:
        send = rows.sends.setdefault(part["own_id"], {"own_id": part["own_id"]})
        send["again"] = "taken"
        over = {} if part["is_sent"] else {"state": "done", "ended_at": at}
        send.update({} if part["is_sent"] else {"state": "refused"})
        _turn(rows, part["turn_id"], {"again": "taken"} | over)


def _sent(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data, turn = event.data, event.data.get("turn_id")
    sent_at = data.get("sent_at") or _at(event)
    times = {"delivered_at": data.get("delivered_at"), "read_at": data.get("read_at")}
    metadata = {"own_id": data.get("own_id"), **(data.get("marks") or {})}
    if turn is not None:
        metadata |= {"turn_id": turn, "request_id": data.get("request_id")}
    message = {
        "conversation_id": event.conversation_id, "direction": "outbound", "content": data.get("content") or "",
        "twilio_message_id": data.get("sid"), "sent_at": sent_at, "metadata": metadata,
    }  # fmt: skip
    _message(rows, data.get("message_id"), message | times)
    if turn is None:
        return
    send = rows.sends.setdefault(data["own_id"], {"own_id": data["own_id"]})
    if data.get("content"):
        send["body"] = data["content"]  # a template's text is known only now
    send.update(times, state="accepted", sid=data.get("sid"), accepted_at=sent_at)
    if "error_code" in data:  # since a held send can be proven, which takes its reason back
        send["error_code"] = data["error_code"]
    if data.get("is_last"):
        _turn(rows, turn, {"state": "done", "error": None, "ended_at": _at(event)})


def _reported(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data = event.data
    if "rank" not in data or not data.get("own_id"):
        return
    times = {name: data[name] for name in ("delivered_at", "read_at") if data.get(name)}
    send = rows.sends.setdefault(data["own_id"], {"own_id": data["own_id"]})
    send.update(times, status=data.get("status"), status_rank=data["rank"], sid=data.get("sid"))
    if data.get("code"):
        send["error_code"] = data["code"]
    if data.get("again"):
        send["again"] = "wanted"
        _turn(rows, data["turn_id"], {"again": "slow"})
    if times and data.get("message_id") is not None:
        rows.messages.setdefault(data["message_id"], {"id": data["message_id"]}).update(times)


def _failed(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data = event.data
    if data.get("what") == "delivery":
        _reported(rows, event, partition)
    elif "parts" in data:  # the agent failed, and the client gets an apology
        _answered(rows, event, partition)
    elif data.get("turn_id") is not None:
        of_event = {"phone_number": event.phone_number, "conversation_id": event.conversation_id, "partition": partition}
        _turn(rows, data["turn_id"], of_event | {"state": "failed", "error": data.get("error"), "ended_at": _at(event)})
        rows.failed_turns[data["turn_id"]] = {"state": data.get("send_state", "refused"), "code": data.get("code")}


def _decided(rows: Rows, event: ConversationEvent, partition: int) -> None:
    rule = event.data.get("rule") or {}
    is_done = rule.get("silent") and rule.get("notice") is None
    done = {"state": "done", "ended_at": _at(event)} if is_done else {}
    _turn(rows, event.data["turn_id"], {"rule": rule} | done)


def _reopened(rows: Rows, event: ConversationEvent, partition: int) -> None:
    turn = event.data["turn_id"]
    _turn(rows, turn, {"state": event.data.get("turn_state", "answered"), "error": None, "ended_at": None})
    rows.failed_turns[turn] = {"state": "intended", "code": None}


def _repeated(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data, given = event.data, event.data["input"]
    rows.inputs[given["kind"], given["event_id"]] = given
    begun = _begun(event, partition, data["kind"], data.get("request_id"))
    _turn(rows, data["turn_id"], begun | {"replay": data["replay"]})


def _commanded(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data, given = event.data, event.data["input"]
    rows.inputs["command", given["event_id"]] = given
    if (turn := data.get("turn_id")) is not None:
        begun = _begun(event, partition, "write", given["payload"].get("request_id"))
        _turn(rows, turn, begun | {"rule": {"write": given["payload"]}})


def _opted_out(rows: Rows, event: ConversationEvent, partition: int) -> None:
    data = event.data
    rows.suppressed[event.phone_number] = {
        "phone_number": event.phone_number, "source": data.get("by", "client"), "since": _at(event),
        "event_id": str(data.get("message_sid") or data.get("code") or event.event_id),
    }  # fmt: skip


def _opted_in(rows: Rows, event: ConversationEvent, partition: int) -> None:
    rows.suppressed[event.phone_number] = None


def _erased(rows: Rows, event: ConversationEvent) -> None:
    """Everything before is forgotten, here and in the database."""
    phone, identity = event.phone_number, event.conversation_id
    rows.erased[phone] = event.at
    turns = {turn for turn, row in rows.turns.items() if row.get("phone_number") == phone}
    rows.conversations.pop(identity, None)
    rows.turns = {turn: row for turn, row in rows.turns.items() if turn not in turns}
    rows.inputs = {key: row for key, row in rows.inputs.items() if row["phone_number"] != phone}
    rows.sends = {own: row for own, row in rows.sends.items() if row.get("turn_id") not in turns}
    rows.messages = {key: row for key, row in rows.messages.items() if row.get("conversation_id") != identity}
    rows.fresh_messages = [row for row in rows.fresh_messages if row["conversation_id"] != identity]


def _nothing(rows: Rows, event: ConversationEvent, partition: int) -> None:
    """Other events change only the conversation's row."""


_HANDLERS: dict[str, Callable[[Rows, ConversationEvent, int], None]] = {
    "started": _started,
    "received": _received,
    "answered": _answered,
    "sent": _sent,
    "delivered": _reported,
    "failed": _failed,
    "decided": _decided,
    "reopened": _reopened,
    "repeated": _repeated,
    "commanded": _commanded,
    "opted_out": _opted_out,
    "opted_in": _opted_in,
}


def _at(event: ConversationEvent) -> str:
    return event.at.isoformat()


def _begun(event: ConversationEvent, partition: int, kind: str, request_id: str | None) -> Json:
    return {
        "phone_number": event.phone_number, "conversation_id": event.conversation_id, "partition": partition,
        "kind": kind, "state": "begun", "request_id": request_id, "begun_at": _at(event),
    }  # fmt: skip


def _turn(rows: Rows, identity: int, columns: Json) -> None:
    rows.turns.setdefault(identity, {"id": identity}).update(columns)


def _message(rows: Rows, identity: int | None, columns: Json) -> None:
    if identity is None:
        rows.fresh_messages.append(columns)
    else:
        rows.messages.setdefault(identity, {"id": identity}).update(columns)
