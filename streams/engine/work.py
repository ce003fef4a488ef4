"""Where a record comes from."""

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """A topic by its bare name, and a partition."""

    topic: str
    partition: int
