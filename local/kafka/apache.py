"""Apache Kafka as one KRaft node: broker and controller in one process, on loopback."""

import shutil
from pathlib import Path

from local.kafka.child import Child, start_child
from local.process import LOOPBACK, free_port

# What `kafka-storage format` writes, without starting Java twice. Any UUIDs in Kafka's format
# will do: one node is its own cluster.
_FORMATTED = """\
version=1
cluster.id=4L6g3nShT-eMCtK--X86sw
node.id=1
directory.id=Zk1o8cYeR2mQ5tB7wXv0Lg
"""
# These use 228 MB (measured); a server's defaults would claim 1 GB at once. Without the second compiler
# it starts in half the time and CPU, which is what counts for a broker that lives for minutes.
_JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

# One node cannot hold a second replica, so the internal topics get one. A group's first member does not
# wait for others.
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
    """Return whether this machine has Java and Apache Kafka's jars."""
    return shutil.which("java") is not None and any(jars.glob("kafka_*.jar"))


def start_apache(data_dir: Path, jars: Path, port: int, log: Path) -> Child:
    """Start the node, without waiting for it to answer."""
    data = data_dir / "log"
    properties = data_dir / "server.properties"
    # Nobody else uses the controller's port, so it may change from start to start.
    properties.write_text(_PROPERTIES.format(host=LOOPBACK, port=port, controller=free_port(), data=data))
    if not (data / "meta.properties").exists():
        data.mkdir(parents=True, exist_ok=True)
        (data / "meta.properties").write_text(_FORMATTED)
    return start_child([*_JAVA, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)], log)
