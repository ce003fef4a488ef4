"""An entry of the topic `conversation-event`, and what it does to the record of its conversation. Pure."""

from dataclasses import dataclass
from datetime import tzinfo

from schemas.errors import InvalidInput
from streams.stats.assignment import partition_of
from streams.stats.record import ERASED, Record, apply
from streams.stats.told import Told, told


@dataclass(frozen=True, slots=True)
class Entry:
    """`told`: None for a tombstone, by which the log forgets a number."""

    phone_number: str
    told: Told | None

    @classmethod
    def read(cls, key: bytes | None, value: bytes | None, partition: int, partitions: int) -> "Entry":
        """Read one.

        Raises:
            InvalidInput: it is no event, or stands where two workers would count it.
        """
        if value is None and key:
            entry = cls(key.decode(errors="replace"), None)
        else:
            event = told(value)
            entry = cls(event.phone_number, event)
        if key != entry.phone_number.encode() or partition != partition_of(entry.phone_number, partitions):
            raise InvalidInput("phone_number", "stands under another key or on another partition")
        return entry

    @property
    def kind(self) -> str:
        return self.told.type if self.told else ERASED

    def after(self, before: Record | None, zone: tzinfo, kept: int) -> Record | None:
        """Give the conversation's record after it, None where none is left; the very same where nothing changes.

        Raises:
            InvalidInput: a time or a number that cannot be counted.
        """
        if self.told is None:
            return None
        record = apply(before, self.told, zone, kept)
        return None if record["status"] == ERASED else record
