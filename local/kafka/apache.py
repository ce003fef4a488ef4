"""Apache Kafka as one KRaft node: broker and controller in one process, on loopback."""

import shutil
from pathlib import Path

from local.kafka.child import Child, start_child
from local.kafka.ports import LOOPBACK, free_port

# Any UUID in Kafka's form; one node is its own cluster.
_CLUSTER = "4L6g3nShT-eMCtK--X86sw"
# Formatting takes about 2 s, most of it Java's start; ten times that on a busy machine.
_FORMAT_SECONDS = 20.0
# 228 MB are in use with these (measured); a server's defaults would take 1 GB at once.
_JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC")

# One node cannot hold a second replica, so the internal topics get one; a group's first member does not wait for others.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def is_there(jars: Path) -> bool:
    """Tell whether this machine has Java and Apache Kafka's jars."""
    return shutil.which("java") is not None and any(jars.glob("kafka_*.jar"))


async def start_apache(data_dir: Path, jars: Path, port: int, log: Path) -> Child:
    """Format the storage when it is new, then start the node; it does not answer yet.

    Raises:
        RuntimeError: the storage could not be formatted.
    """
    data = data_dir / "log"
    properties = data_dir / "server.properties"
    # The controller's port is nobody else's business and may change from start to start.
    properties.write_text(_PROPERTIES.format(host=LOOPBACK, port=port, controller=free_port(), data=data))
    java = [*_JAVA, "-cp", f"{jars}/*"]
    if not (data / "meta.properties").exists():
        await _format([*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)], log)
    return start_child([*java, "kafka.Kafka", str(properties)], log)


async def _format(command: list[str], log: Path) -> None:
    child = start_child(command, log)
    try:
        code = await child.wait(_FORMAT_SECONDS)
    except TimeoutError as error:
        raise RuntimeError("Kafka's storage was not formatted in time") from error
    finally:
        await child.kill()
    if code:
        raise RuntimeError(f"Kafka's storage could not be formatted: code {code}")
