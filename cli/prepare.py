"""What must be there before the processes start: the schema in Postgres, the topics in Kafka."""

import json
import socket
from collections.abc import Mapping

from cli.upgrade import upgrade_of
from clients.kafka.topic_configs import wanted_configs
from clients.kafka.topics import ensure_topics, topic_names
from db.migrate import migrate
from db.versions import NEWEST
from process.kafka import when_kafka_answers
from process.postgres import when_postgres_answers
from schemas.errors import ConfigurationError
from schemas.settings import Settings


def print_topics(settings: Settings, *, as_json: bool) -> int:
    """Print the topics that `prepare` makes, for those who make them by hand. Kafka is not asked."""
    topics = {name: wanted_configs(settings, name) for name in topic_names(settings)}
    replicas = settings.topic_replication_factor
    if as_json:
        told = [
            {
                "name": name,
                "partitions": settings.topic_partitions,
                "replication_factor": replicas,
                "configs": configs,
            }
            for name, configs in topics.items()
        ]
        print(json.dumps(told))
        return 0
    servers = settings.kafka_bootstrap_servers or "SERVERS"
    for name, configs in topics.items():
        words = [
            "kafka-topics.sh",
            "--bootstrap-server",
            servers,
            "--create",
            "--if-not-exists",
            "--topic",
            name,
        ]
        words += ["--partitions", str(settings.topic_partitions)]
        words += [] if replicas < 0 else ["--replication-factor", str(replicas)]
        print(*words, *(f"--config {key}={value}" for key, value in configs.items()))
    return 0


def print_prepared(settings: Settings) -> None:
    """Print what `prepare` has left, as JSON."""
    print(json.dumps({"schema": NEWEST, "topics": topic_names(settings)}))


async def prepare(settings: Settings) -> None:
    """Migrate and make the topics; safe to repeat and to run twice at once.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right, or topics exist with differing partition counts.
        Unavailable: Postgres or Kafka was not there in time.
    """
    url = settings.database_url
    assert url is not None, "required of everybody who prepares"
    upgrade = upgrade_of(settings)
    await when_postgres_answers(settings, lambda: migrate(url, upgrade))
    await when_kafka_answers(settings, lambda: ensure_topics(settings))


def check_free(ports: Mapping[str, int]) -> None:
    """Check that ports are free; each is given with the variable that sets it, and 0 is any.

    Raises:
        ConfigurationError: one is taken, or may not be listened on.
    """
    for variable, port in ports.items():
        with socket.socket() as probe:
            # As servers do, so that connections that ended a moment ago do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise ConfigurationError(
                    f"{variable}: {port} cannot be listened on ({error.strerror}); set another"
                ) from error
