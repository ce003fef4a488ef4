"""The statements of `db/sql/gateway.sql` for the way in: the spool, and outcomes of calls and commands."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from tests.universe.rows import Row, Tables


class Gateway:
    """`web`'s part of Postgres. `notify` is called with what its transactions notify."""

    tables: Tables

    def notify(self, channel: str, payload: str) -> None:
        raise NotImplementedError

    def spool(self, *columns: Sequence[Any]) -> list[Row]:
        for values in zip(*columns, strict=True):
            self.tables.counters["spool"] = place = self.tables.counters.get("spool", 0) + 1
            names = ("topic", "key", "value", "request_id", "trace")
            self.tables.spool[place] = Row(zip(names, values, strict=True), id=place)
        self.notify("spool", "")
        return [Row(pg_notify=None)]

    def spooled(self, keys: Sequence[str]) -> list[Row]:
        return [Row(exists=any(row["key"] in keys for row in self.tables.spool.values()))]

    def spool_holds_some(self) -> list[Row]:
        return [Row(exists=bool(self.tables.spool))]

    def spool_newest(self) -> list[Row]:
        return [Row(coalesce=max(self.tables.spool, default=0))]

    def spool_session(self) -> list[Row]:
        return []

    def spool_head(self, after: int, most: int) -> list[Row]:
        places = [place for place in sorted(self.tables.spool) if place > after]
        return [Row(self.tables.spool[place]) for place in places[:most]]

    def unspool(self, ids: Sequence[int]) -> list[Row]:
        for place in ids:
            self.tables.spool.pop(place, None)
        return []

    def call_outcomes(self, ids: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for each in ids:
            if (row := self.tables.seen.get(("call", each))) is not None:
                outcome, of = row["outcome"] or {}, self.tables.conversation_of(row["phone_number"])
                told = {"state": outcome.get("state") or "begun", "conversation_id": of["id"] if of else None}
                found.append(Row(event_id=each, **told, error=outcome.get("error"), sid=outcome.get("sid")))
        return found

    def command_outcomes(self, ids: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for each in ids:
            if (row := self.tables.seen.get(("command", each))) is not None:
                phone, outcome = row["phone_number"], row["outcome"]
                of = self.tables.conversation_of(phone) or {}
                told = {
                    "command": (outcome or {}).get("command") or self._under_way(phone, each),
                    "outcome": outcome,
                }
                told |= {
                    "status": of.get("status"),
                    "conversation_id": of.get("id"),
                    "others": self.others(phone),
                }
                found.append(Row(event_id=each, phone_number=phone, **told))
        return found

    def _under_way(self, phone: str, command_id: str) -> str:
        begun = self._state_of(phone).get("erasing") or {}
        return "erase" if begun.get("command_id") == command_id else "write"

    def others(self, phone: str) -> list[str]:
        return [link["key"] for link in self._state_of(phone).get("links", ())]

    def _state_of(self, phone: str) -> dict[str, Any]:
        actor = self.tables.actors.get(phone)
        return from_json(actor["state"]) if actor else {}  # type: ignore[no-any-return]
