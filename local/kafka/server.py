"""Kafka on loopback: Apache Kafka where `java` and its jars are installed, else the embedded `tansu`."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from local.kafka import apache
from local.kafka.child import Child
from local.kafka.embedded import start_embedded
from local.process import LOOPBACK, free_port

Kind = Literal["apache", "embedded"]

DEFAULT_JARS = Path(".kafka")
"""Where `make kafka` puts Apache Kafka's jars."""

# A cold start takes 4-8 s on two busy cores.
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.2
# A controlled shutdown of one idle node takes 1-2 s.
_STOP_SECONDS = 15.0
_LOG_TAIL = 2000


@dataclass(slots=True)
class RunningKafka:
    """A running broker in its own session."""

    bootstrap_servers: str
    kind: Kind
    process: Child

    @property
    def pid(self) -> int:
        return self.process.pid

    async def stop(self) -> None:
        """Shut down cleanly, or by force when that takes too long."""
        await self.process.end(_STOP_SECONDS)

    async def kill(self) -> None:
        """Die at once, as in a crash.

        With Apache Kafka, a start on the same folder and port continues from there.
        """
        await self.process.kill()


async def start_kafka(data_dir: Path, jars: Path | None = None, *, port: int = 0) -> RunningKafka:
    """Start a broker on loopback and wait until it answers. The same folder and port continue from before.

    Raises:
        RuntimeError: it died or did not answer; includes the end of its log.
    """
    data_dir, jars = data_dir.absolute(), (jars or DEFAULT_JARS).absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = data_dir / "kafka.log"
    try:
        return await _start(data_dir, jars, port, log)
    except (TimeoutError, RuntimeError) as error:
        tail = log.read_text(errors="replace")[-_LOG_TAIL:] if log.exists() else ""
        raise RuntimeError(f"Kafka did not start: {error}\n{tail}") from error


async def _start(data_dir: Path, jars: Path, port: int, log: Path) -> RunningKafka:
    kind: Kind = "apache" if apache.is_there(jars) else "embedded"
    process = (
        apache.start_apache(data_dir, jars, port, log) if kind == "apache" else start_embedded(port, log)
    )
    running = RunningKafka(f"{LOOPBACK}:{port}", kind, process)
    try:
        await _answers(running)
    except BaseException:  # including cancellation: nobody else knows of the process yet
        await running.kill()
        raise
    return running


async def _answers(running: RunningKafka) -> None:
    """Wait for real metadata: the port is open long before requests are answered."""
    async with asyncio.timeout(_START_SECONDS):
        while running.process.returncode is None:
            # Check the port first: the client would log every refusal as an error.
            if await _is_open(running) and await _gives_metadata(running):
                return
            await asyncio.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"the broker ended with code {running.process.returncode}")


async def _is_open(running: RunningKafka) -> bool:
    host, _, port = running.bootstrap_servers.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


async def _gives_metadata(running: RunningKafka) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=running.bootstrap_servers)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    # Another broker may hold the port; ours is then about to exit.
    return running.process.returncode is None
