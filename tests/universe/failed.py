"""The statements that tell a replay how events stand: which failed, which were said, which came again."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from tests.universe.rows import Row, Tables


class Replays:
    """Their part of Postgres."""

    tables: Tables

    def numbers(self, addresses: Sequence[str]) -> list[Row]:
        actors = [(each, self.tables.actors.get(each)) for each in addresses]
        states = [(each, from_json(actor["state"])) for each, actor in actors if actor is not None]
        return [
            Row(phone_number=each, number=state["merged_into"])
            for each, state in states
            if "merged_into" in state
        ]

    def suppressed(self, phones: Sequence[str]) -> list[Row]:
        return [Row(phone_number=each) for each in phones if each in self.tables.suppressions]

    def unanswered(self, conversations: Sequence[int]) -> list[Row]:
        rows = [row for of in conversations for row in self.tables.log_of(of) if row["type"] == "unanswered"]
        told = [row["data"]["data"] for row in rows]
        return [
            Row(sid=sid)
            for data in told
            if data.get("reason") == "unknown_number"
            for sid in data["message_sids"]
        ]

    def erasures(self, digests: Sequence[str]) -> list[Row]:
        erased = self.tables.erasures
        return [Row(number_digest=each, erased_at=erased[each]) for each in digests if each in erased]

    def advance(self, identity: str, positions: dict[str, int], published: int) -> list[Row]:
        return []

    def end(self, identity: str) -> list[Row]:
        return []

    def burnt_turns(self, phones: Sequence[str], failed: Sequence[str]) -> list[Row]:
        groups: dict[tuple[str, int, int, int], list[Row]] = {}
        for phone in phones:
            sends = self.tables.sends_of(phone)
            for send in sends:
                is_burnt = (
                    send["state"] == "accepted" and send["status"] in failed and send["delivered_at"] is None
                )
                if is_burnt and not any(_is_after(send, other) for other in sends):
                    key = phone, send["conversation_id"], send["turn_id"], send["origin_turn"]
                    groups.setdefault(key, []).append(send)
        return [
            self._burnt(*key, sends) for key, sends in sorted(groups.items(), key=lambda item: item[0][2])
        ]

    def _burnt(self, phone: str, conversation: int, turn: int, origin: int, sends: list[Row]) -> Row:
        parts = [
            {"own_id": str(each["own_id"]), "to": each["to_address"]}
            | {name: each[name] for name in ("body", "content", "origin_turn", "origin_part")}
            for each in sorted(sends, key=lambda each: each["origin_part"])
        ]
        return Row(
            phone_number=phone,
            turn_id=turn,
            began_at=min(each["planned_at"] for each in sends),
            said=self._said(conversation, origin),
            parts=parts,
            superseded=self.is_superseded(phone, turn),
        )

    def _said(self, conversation: int, turn: int) -> dict[str, Any] | None:
        for row in self.tables.log_of(conversation):
            data = row["data"]["data"]
            if row["type"] == "answered" and data.get("turn_id") == turn:
                return {"number": row["number"]} | {
                    name: data.get(name) for name in ("kind", "answers", "event_id")
                }
        return None

    def is_superseded(self, phone: str, turn: int) -> bool:
        """Return whether something later (no apology) has reached the client, or a later call began anew."""
        later = (send for send in self.tables.sends_of(phone) if send["turn_id"] > turn)
        heard = (send for send in later if send["turn_kind"] == "call" or send["sid"] is not None)
        return any(not self._apologizes(send) for send in heard)

    def _apologizes(self, send: Row) -> bool:
        answers = (
            row["data"]["data"]
            for row in self.tables.log_of(send["conversation_id"])
            if row["type"] == "answered"
        )
        return any(
            each.get("turn_id") == send["turn_id"] and each.get("notice") == "apology" for each in answers
        )


def _is_after(send: Row, other: Row) -> bool:
    same = all(send[name] == other[name] for name in ("origin_turn", "origin_part"))
    return same and other["turn_id"] > send["turn_id"] and other["state"] != "withdrawn"
