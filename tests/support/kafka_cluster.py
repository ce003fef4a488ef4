"""Three Apache Kafka brokers on loopback; one may freeze or die, and come back under another address."""

import asyncio
import base64
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from local.kafka.child import Child, start_child
from local.process import LOOPBACK, free_port
from process.kafka import when_kafka_answers
from schemas.settings import load_settings
from tests.support.deadline import eventually

_NODES = (1, 2, 3)
_JAVA = ("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# The cluster's id is any UUID in Kafka's format; each directory's id is its node's own.
_META = """\
version=1
cluster.id=4L6g3nShT-eMCtK--X86sw
node.id={node}
directory.id={directory}
"""
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""
_START_SECONDS = 90.0


class KafkaCluster:
    """Three brokers. `bootstrap_servers`: all three at their first addresses, as clients were told."""

    #: As of a single broker.
    kind = "apache"

    def __init__(self, folder: Path, jars: Path) -> None:
        self._folder = folder.absolute()
        self._jars = jars.absolute()
        self._ports = {node: free_port() for node in _NODES}
        self._controllers = {node: free_port() for node in _NODES}
        self._running: dict[int, Child] = {}
        self.bootstrap_servers = ",".join(f"{LOOPBACK}:{port}" for port in self._ports.values())

    async def start(self) -> None:
        """Start all three and wait until they answer."""
        for node in _NODES:
            self._start(node)
        await self._answers(self._ports.values())

    def _start(self, node: int) -> None:
        folder = self._folder / str(node)
        data = folder / "log"
        data.mkdir(parents=True, exist_ok=True)
        if not (data / "meta.properties").exists():
            directory = base64.urlsafe_b64encode(bytes([node]) * 16).decode().rstrip("=")
            (data / "meta.properties").write_text(_META.format(node=node, directory=directory))
        voters = ",".join(f"{each}@{LOOPBACK}:{port}" for each, port in self._controllers.items())
        properties = folder / "server.properties"
        ports = {"port": self._ports[node], "controller": self._controllers[node]}
        properties.write_text(_PROPERTIES.format(node=node, voters=voters, host=LOOPBACK, data=data, **ports))
        command = [*_JAVA, "-cp", f"{self._jars}/*", "kafka.Kafka", str(properties)]
        self._running[node] = start_child(command, folder / "kafka.log")

    async def _answers(self, ports: Iterable[int]) -> None:
        for port in ports:
            settings = load_settings(
                {}, kafka_bootstrap_servers=f"{LOOPBACK}:{port}", start_wait_seconds=_START_SECONDS
            )

            async def look(port: int = port) -> None:
                admin = AIOKafkaAdminClient(bootstrap_servers=f"{LOOPBACK}:{port}")
                try:
                    await admin.start()
                    await admin.list_topics()
                finally:
                    await admin.close()

            await when_kafka_answers(settings, look)

    async def leader(self, topic: str) -> int:
        """Return the node that leads most of a topic's partitions."""
        leaders = Counter(int(each["leader"]) for each in await self._partitions(topic))
        return leaders.most_common(1)[0][0]

    async def until_in_sync(self, topic: str) -> None:
        """Wait until all three brokers are in sync for a topic."""

        async def is_in_sync() -> bool:
            return all(len(each["isr"]) == len(_NODES) for each in await self._partitions(topic))

        await eventually(is_in_sync, _START_SECONDS)

    async def _partitions(self, topic: str) -> list[dict[str, Any]]:
        alive = next(port for node, port in self._ports.items() if node in self._running)
        admin = AIOKafkaAdminClient(bootstrap_servers=f"{LOOPBACK}:{alive}")
        await admin.start()
        try:
            [found] = await admin.describe_topics([topic])
        finally:
            await admin.close()
        partitions: list[dict[str, Any]] = found["partitions"]
        return partitions

    def freeze_node(self, node: int) -> None:
        """Freeze a broker with its connections open, as on a machine that is gone without a word."""
        self._running[node].send(signal.SIGSTOP)

    async def kill_node(self, node: int) -> None:
        """Kill a broker at once."""
        await self._running.pop(node).kill()

    async def come_back(self, node: int) -> None:
        """Start a broker again at another port, as on a replaced machine."""
        self._ports[node] = free_port()
        self._start(node)
        await self._answers([self._ports[node]])

    async def kill(self) -> None:
        """Kill all brokers."""
        await asyncio.gather(*(child.kill() for child in self._running.values()))
