"""The journal's steps as a pure model of db/sql/functions: what they record, and what they refuse to an old owner.

A model, and not Postgres, because a history is to take milliseconds: thousands of them find orders of events that a few
hundred would not. That the SQL does the same is tested on Postgres (tests/integration/test_journal_*), under real crashes
in tests/chaos.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
_LONG_AGO = 3600.0


@dataclass(slots=True)
class TurnRow:
    """As conversation_turn with its members and sends."""

    id: int
    number: str
    members: list[Json]
    state: str = "begun"
    held: bool = False
    sends: list[Json] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state in ("begun", "answered")


class Database:
    """What survives every crash. `inputs`: by event, whether it waits or was taken."""

    def __init__(self) -> None:
        self.epochs: dict[int, int] = {}
        self.inputs: dict[str, str] = {}
        self.waiting: dict[str, list[Json]] = {}
        self.turns: list[TurnRow] = []
        self._steps: dict[str, Callable[[Json], Json]] = {
            "wm_begin_reply": self._begin_reply, "wm_begin_again": lambda _: {"state": "done"},
            "wm_answer": self._answer, "wm_intend": self._intend, "wm_accept": self._accept, "wm_hold": self._hold,
            "wm_own": lambda _: {"state": "owned"},
        }  # fmt: skip

    def claim(self, partition: int) -> int:
        self.epochs[partition] = self.epochs.get(partition, 0) + 1
        return self.epochs[partition]

    def step(self, name: str, argument: Json) -> Json:
        """Do one step as one transaction."""
        if name == "wm_report":
            return self._report(argument)
        if self.epochs.get(argument["partition"]) != argument["epoch"]:
            return {"state": "fenced"}
        return self._steps[name](argument)

    def open_turn(self, number: str) -> TurnRow | None:
        found = [turn for turn in self.turns if turn.number == number and turn.is_open]
        assert len(found) <= 1, "a number has two turns under way"
        return found[0] if found else None

    def _begin_reply(self, a: Json) -> Json:
        number = a["phone_number"]
        turn = self.open_turn(number)
        if turn and not turn.held:
            return {"state": "open", "turn": self._row(turn, a["partition"])}
        for each in a["inputs"]:
            if each["event_id"] not in self.inputs:
                self.inputs[each["event_id"]] = "waits"
                self.waiting.setdefault(number, []).append(each)
        if turn:
            return {"state": "held"}
        members = self.waiting.pop(number, [])
        if not members:
            return {"state": "done"}
        for each in members:
            self.inputs[each["event_id"]] = "taken"
        self.turns.append(TurnRow(len(self.turns), number, members))
        return {"state": "begun", "turn": self._row(self.turns[-1], a["partition"])}

    def _answer(self, a: Json) -> Json:
        turn = self.turns[a["turn_id"]]
        if turn.state != "begun":
            return {"state": "answered", "turn": self._row(turn, a["partition"])}
        turn.state = "answered"
        turn.sends = [{**part, "state": "planned", "tries": 0, "sid": None} for part in a["parts"]]
        turn.sends[0]["state"] = "intended"
        return {"state": "answered", "answered_at": "2026-01-01T00:00:00Z", "may_send": True}

    def _intend(self, a: Json) -> Json:
        send = self._send(a["own_id"])
        if send["sid"]:
            return {"state": "sent", "sid": send["sid"]}
        send["state"] = "intended"
        return {"state": "intended"}

    def _accept(self, a: Json) -> Json:
        send = self._send(a["own_id"])
        send |= {"state": "accepted", "sid": a["sid"]}
        for turn in self.turns:
            if turn.state == "answered" and all(each["state"] == "accepted" for each in turn.sends):
                turn.state, turn.held = "done", False
        return {"state": "accepted"}

    def _hold(self, a: Json) -> Json:
        turn = self.turns[a["turn_id"]]
        turn.held = turn.is_open
        for send in turn.sends:
            if not a["unknown"] and send["state"] == "intended" and send["sid"] is None:
                send["state"] = "planned"
        return {"state": "held"}

    def _report(self, a: Json) -> Json:
        send = self._send(a["own_id"])
        send["sid"] = send["sid"] or a["sid"]
        return {"state": "noted"}

    def _send(self, own_id: str) -> Json:
        return next(send for turn in self.turns for send in turn.sends if send["own_id"] == own_id)

    def sid_of(self, own_id: str) -> str | None:
        sid: str | None = self._send(own_id)["sid"]
        return sid

    def known_sids(self) -> set[str]:
        return {send["sid"] for turn in self.turns for send in turn.sends if send["sid"]}

    def _row(self, turn: TurnRow, partition: int) -> Json:
        now = datetime.now(UTC).isoformat()
        return {
            "id": turn.id, "kind": "reply", "state": turn.state, "phone_number": turn.number, "partition": partition,
            "conversation_id": 1, "request_id": None, "address": f"whatsapp:{turn.number}", "age_seconds": 0.0,
            "answered_at": now, "client_name": "Ana", "agent_id": "agent", "elevenlabs_conversation_id": "",
            "last_inbound_at": now, "suspect_since": None,
            "members": [{"event_id": each["event_id"], "payload": each} for each in turn.members],
            "sends": [{**send, "age_seconds": _LONG_AGO} for send in turn.sends],
        }  # fmt: skip
