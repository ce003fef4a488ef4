"""Clients' messages that lie between what was handed over and their partitions' ends, by number. Pure."""

from collections import deque
from collections.abc import Callable, Mapping

from schemas.errors import InvalidInput
from schemas.phone import conversation_key
from schemas.topics import INBOUND_MESSAGE
from streams.actors.records import parsed
from streams.engine.following import Followed

# Some 60,000 messages as Twilio sends them. Of those beyond it only the numbers are kept.
_MOST_BYTES = 64 << 20


class Backlog:
    """What one assignment has not handed over yet.

    Args:
        since: Unix seconds; who wrote later writes now.
        partition_of: where a number's messages belong.
    """

    def __init__(
        self, since: float, partition_of: Callable[[str], int], most_bytes: int = _MOST_BYTES
    ) -> None:
        self._since = since
        self._partition_of = partition_of
        self._most_bytes = most_bytes
        self._numbers: dict[bytes, deque[Followed]] = {}
        self._barred: dict[int, int] = {}
        self.bytes = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._numbers

    def add(self, record: Followed) -> bool:
        """Take in a record behind those before it; return whether its number writes now.

        Whose message it is has to be certain: a record whose key is not its content's holds back its whole
        partition.
        """
        key, value = record.key or b"", record.value or b""
        if not self._is_its_keys(key, value, record.partition):
            self._barred[record.partition] = record.offset
            return False
        if self.bytes + len(value) > self._most_bytes:
            record, value = record._replace(value=None, headers=()), b""
        self._numbers.setdefault(key, deque()).append(record)
        self.bytes += len(value)
        if b'"backfilled":true' in value:  # written before, and found since
            return False
        return record.timestamp is not None and record.timestamp >= self._since

    def _is_its_keys(self, key: bytes, value: bytes, partition: int) -> bool:
        is_from = b'"From":"whatsapp:' + key + b'"' in value and b'"person":"' not in value
        if not key or not (is_from or _key_of(value) == key):
            return False
        if key in self._numbers:
            return self._numbers[key][0].partition == partition
        try:
            name = key.decode()
            return conversation_key(name) == name and self._partition_of(name) == partition
        except (InvalidInput, UnicodeDecodeError):
            return False

    def handed_over(self, key: bytes, partition: int, offset: int) -> None:
        """Forget a number's records up to one; one on another partition than theirs is none of them."""
        waiting = self._numbers.get(key)
        while waiting and waiting[0].partition == partition and waiting[0].offset <= offset:
            self.bytes -= len(waiting.popleft().value or b"")
        if waiting is not None and not waiting:
            del self._numbers[key]

    def of(self, key: bytes, positions: Mapping[int, int]) -> list[Followed]:
        """Return all that a number wrote, oldest first; nothing if it has to wait for its turn.

        `positions`: the next offset that is to be handed over, by partition.
        """
        waiting = list(self._numbers.get(key, ()))
        if not waiting or any(each.value is None for each in waiting):
            return []
        partition = waiting[0].partition
        return waiting if self._barred.get(partition, -1) < positions.get(partition, -1) else []

    def leave(self, key: bytes) -> None:
        """Have a number wait for its turn with all that it wrote so far."""
        waiting = self._numbers.get(key, deque())
        for place, record in enumerate(waiting):
            self.bytes -= len(record.value or b"")
            waiting[place] = record._replace(value=None)


def _key_of(value: bytes) -> bytes | None:
    try:
        return parsed(INBOUND_MESSAGE, value).key.encode()
    except InvalidInput:
        return None
