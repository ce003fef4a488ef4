"""Kafka behind SASL and TLS: reached by setting alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from local.kafka import apache
from local.kafka.child import start_child
from local.kafka.ports import LOOPBACK, free_port
from schemas.errors import Unavailable
from schemas.settings import Settings, load_settings
from schemas.topics import INBOUND_MESSAGE
from streams.engine.start import partition_count, when_kafka_answers
from streams.engine.topics import ensure_topics
from tests.support.deadline import eventually
from tests.support.processes import Process, environment, running
from tests.support.servers import JARS, needs_apache
from tests.support.tls import make_certificates
from web.kafka_link import KafkaLink

_SECURED = """
listener.security.protocol.map=SECURED:SASL_SSL,CONTROLLER:PLAINTEXT
listeners=SECURED://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=SECURED://{host}:{port}
inter.broker.listener.name=SECURED
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="service" password="right" user_service="right";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[dict[str, str]]:
    """The variables of a Kafka that lets nobody in without its password, over TLS of an authority of its own."""
    folder = tmp_path_factory.mktemp("secured")
    authority, certificate, key = make_certificates(folder)
    (folder / "keystore.pem").write_text(key.read_text() + certificate.read_text())
    port = free_port()
    plain = apache._PROPERTIES.format(host=LOOPBACK, port=port, controller=free_port(), data=folder / "log")
    lines = [line for line in plain.splitlines() if not line.startswith(("listeners=", "advertised.listeners="))]
    controller = plain.split("controller.quorum.voters=1@")[1].splitlines()[0].rpartition(":")[2]
    secured = _SECURED.format(host=LOOPBACK, port=port, controller=controller, folder=folder)
    properties = folder / "server.properties"
    properties.write_text("\n".join(lines) + secured)
    java = [*apache._JAVA, "-cp", f"{JARS}/*"]
    log = folder / "kafka.log"
    formatted = [*java, "kafka.tools.StorageTool", "format", "-t", apache._CLUSTER, "-c", str(properties)]
    asyncio.run(apache._format(formatted, log))
    broker = start_child([*java, "kafka.Kafka", str(properties)], log)
    yield {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{port}", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "service", "KAFKA_SASL_PASSWORD": "right",
        "KAFKA_SSL_CAFILE": str(authority),
    }  # fmt: skip
    asyncio.run(broker.kill())


@pytest.fixture
async def worker(secured: dict[str, str], database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Process, Path]]:
    log = tmp_path / "worker.log"
    await when_kafka_answers(_settings(secured), lambda: ensure_topics(_settings(secured)))
    env = environment(database_url, "", **secured, UNKNOWN_NUMBER_GRACE_SECONDS=300)
    async with running("worker", env, log) as process:
        yield process, log


def _settings(secured: dict[str, str], **over: object) -> Settings:
    return load_settings(secured, **{"start_wait_seconds": 60, **over})


@needs_apache
async def test_kafka_behind_sasl_and_tls(
    secured: dict[str, str], worker: tuple[Process, Path], pool: "asyncpg.Pool[asyncpg.Record]"
) -> None:
    settings = _settings(secured)
    assert await partition_count(settings) == settings.topic_partitions
    link = KafkaLink(settings)
    await link.keep()
    assert link.state == "connected"
    event = b'{"event_id": "SM1", "received_at": "2026-01-01T00:00:00Z", "params": {"From": "whatsapp:+573138539155"}}'
    await link.send(INBOUND_MESSAGE, "+573138539155", event, None)
    await link.close()
    process, log = worker

    async def is_parked() -> bool:
        assert process.returncode is None, log.read_text()[-3000:]
        return bool(await pool.fetchval("SELECT count(*) FROM conversation_input"))

    await eventually(is_parked, 60)


@needs_apache
@pytest.mark.parametrize(
    "over", [{"kafka_sasl_password": "wrong"}, {"kafka_ssl_cafile": None}, {"kafka_security_protocol": "PLAINTEXT"}]
)
async def test_kafka_with_wrong_settings_is_said_plainly(secured: dict[str, str], over: dict[str, object]) -> None:
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS: no broker of"):
        await partition_count(_settings(secured, start_wait_seconds=0, **over))
