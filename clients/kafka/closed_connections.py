"""aiokafka's connections: under uvloop, too, a write to a closed one counts as a lost connection.

Requests over them are counted: at a few messages a second Kafka costs what its requests cost.
"""

from collections.abc import Callable
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from prometheus_client import Counter

_REQUESTS = Counter(
    "whatsapp_kafka_requests", "Requests to Kafka's brokers, by kind (fetch, produce …).", ["kind"]
)
_KINDS: dict[type, Counter] = {}
_WRITES = ("send", "_send_sasl_token")


def mend_connections() -> None:
    """Have aiokafka notice writes to closed connections; safe to repeat.

    asyncio drops what is written to a closed transport; uvloop raises RuntimeError. aiokafka 0.14 takes only
    OSError for a lost connection, so its task that maintains the cluster's metadata would end for good, and
    with it consumer and producer.
    """
    for name in _WRITES:
        write = getattr(AIOKafkaConnection, name)
        if not hasattr(write, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _mended(write))


def _mended(write: Callable[..., Any]) -> Callable[..., Any]:
    def mended(self: AIOKafkaConnection, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - aiokafka's
        if arguments:
            _count(type(arguments[0]))
        try:
            return write(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"connection is closed: {error}") from error

    mended.__wrapped__ = write  # type: ignore[attr-defined]  # as functools.wraps does
    return mended


def _count(request: type) -> None:
    """Count a request. Its label is looked up only once: a look-up costs ten times as much as counting."""
    if request not in _KINDS:
        _KINDS[request] = _REQUESTS.labels(request.__name__.removesuffix("Request").lower())
    _KINDS[request].inc()
