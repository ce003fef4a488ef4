"""Which partition a key is on."""

from aiokafka.partitioner import murmur2


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key, as Java's default partitioner and every producer of the topics have it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
