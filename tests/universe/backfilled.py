"""The statements of `db/sql/backfill.sql` that compare Twilio's list."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.universe.rows import Row, Tables
from tests.universe.world import START

_VENDOR = "twilio"
# More than Twilio's clock may be behind ours.
_RAN_BEFORE = timedelta(minutes=5)


class Looks:
    """Their part of Postgres.

    The service has run before, so whatever it never got is fetched from the beginning on.
    """

    tables: Tables

    def now(self) -> datetime:
        raise NotImplementedError

    def _checked(self) -> Row:
        begun = (START - _RAN_BEFORE).replace(tzinfo=None)
        known = Row(begun_at=begun, checked_until=begun, looked_at=begun)
        return self.tables.backfill.setdefault(_VENDOR, known)

    def backfill_start(self, vendor: str) -> list[Row]:
        row = self._checked()
        row["looked_at"] = self.now().replace(tzinfo=None)
        return [Row((name, row[name]) for name in ("begun_at", "checked_until"))]

    def backfill_claim(self, vendor: str, seconds: float) -> list[Row]:
        due = self.now().replace(tzinfo=None) - timedelta(seconds=seconds)
        return self.backfill_start(vendor) if self._checked()["looked_at"] < due else []

    def backfill_checked(self, vendor: str, until: datetime) -> list[Row]:
        row = self._checked()
        row["checked_until"] = max(row["checked_until"], until)
        return []

    def backfill_known_messages(self, ids: Sequence[str]) -> list[Row]:
        return [Row(event_id=each) for each in ids if ("message", each) in self.tables.seen]

    def backfill_spooled(self, topic: str) -> list[Row]:
        return [Row(value=row["value"]) for row in self.tables.spool.values() if row["topic"] == topic]

    def backfill_sends(self, sids: Sequence[str]) -> list[Row]:
        sends = self.tables.sends.values()
        return [Row(sid=row["sid"], status=row["status"] or "") for row in sends if row["sid"] in sids]

    def backfill_unknown_sends(self, since: datetime, least_age: float) -> list[Row]:
        first, last = since.replace(tzinfo=self.now().tzinfo), self.now() - timedelta(seconds=least_age)
        found = [
            row for row in self.tables.sends.values() if row["sid"] is None and row["intended_at"] is not None
        ]
        found = [row for row in found if row["state"] in ("intended", "unknown", "held")]
        names = ("own_id", "to_address", "body", "intended_at")
        return [
            Row({name: row[name] for name in names}, is_template=row["content"] is not None)
            for row in sorted(found, key=lambda row: row["intended_at"])
            if first <= row["intended_at"] <= last
        ]
