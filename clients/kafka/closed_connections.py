"""aiokafka's connections under uvloop: what is written to a closed one is a lost connection there as well."""

from collections.abc import Callable
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_WRITES = ("send", "_send_sasl_token")


def mend_connections() -> None:
    """Have aiokafka learn of it; safe to repeat.

    asyncio drops what is written to a closed transport, uvloop raises RuntimeError. aiokafka 0.14 takes OSError alone for
    a lost connection: its task that keeps the cluster's metadata would end for ever, and consumer and producer with it.
    """
    for name in _WRITES:
        write = getattr(AIOKafkaConnection, name)
        if not hasattr(write, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _mended(write))


def _mended(write: Callable[..., Any]) -> Callable[..., Any]:
    def mended(self: AIOKafkaConnection, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - aiokafka's own
        try:
            return write(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"connection is closed: {error}") from error

    mended.__wrapped__ = write  # type: ignore[attr-defined]  # as functools.wraps does
    return mended
