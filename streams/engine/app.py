"""Makes a Faust app with settings that preserve order (measured on Faust 0.15.3, see `streams/README.md`)."""

from pathlib import Path
from typing import Any

import faust
from faust.auth import OAuthCredentials
from faust.transport.drivers.aiokafka import Transport

from clients.kafka.connection import connection_arguments, tls_context
from clients.kafka.oauth import token_provider
from schemas.settings import Settings
from streams.engine.consumer import OrderedConsumer
from streams.engine.membership import SESSION_TIMEOUT_SECONDS, Membership
from streams.engine.transports import EmbeddedTransport

# Below the rebalance time-out, so a draining worker is never evicted. An agent may take longer: what is cut
# off is asked again, or looked up, by its next owner.
DRAIN_CAP_SECONDS = 10.0
_REBALANCE_TIMEOUT_SECONDS = 30.0
_HEARTBEAT_SECONDS = 2.0
# After kill -9, at most what was done within this time is redelivered.
_COMMIT_INTERVAL_SECONDS = 1.0
# Partitions x records per poll must stay under a fifth of the buffer, or one slow topic blocks the others.
_RECORDS_PER_POLL = 50
_BUFFER_SHARE = 5
_LEAST_BUFFER = 4096


class OrderedTransport(Transport):  # type: ignore[misc]  # faust's driver is untyped
    """Kafka through the ordered consumer."""

    Consumer = OrderedConsumer


class RawSchema(faust.Schema):  # type: ignore[misc]  # faust is untyped
    """Keys and values as they came: nothing here can fail, so no event is skipped and committed."""

    def __init__(self) -> None:
        super().__init__(allow_empty=True)

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> bytes | None:  # noqa: ANN401
        key: bytes | None = message.key
        return key

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> bytes | None:  # noqa: ANN401
        value: bytes | None = message.value
        return value


def create_app(
    name: str, settings: Settings, data_dir: Path, transport: type[Transport], **over: object
) -> faust.App:
    """Make an app whose consumer group is `PREFIX + name`.

    Its `engine` must be set before it starts, and its `membership` if somebody asks for it.

    Raises:
        ConfigurationError: Kafka's servers or credentials are missing.
    """
    servers = str(connection_arguments(settings)["bootstrap_servers"])
    options: dict[str, object] = {
        "broker": [f"kafka://{server.strip()}" for server in servers.split(",")],
        "broker_session_timeout": SESSION_TIMEOUT_SECONDS,
        "broker_heartbeat_interval": _HEARTBEAT_SECONDS,
        "broker_rebalance_timeout": _REBALANCE_TIMEOUT_SECONDS,
        "broker_commit_interval": _COMMIT_INTERVAL_SECONDS,
        "broker_max_poll_records": _RECORDS_PER_POLL,
        "stream_buffer_maxsize": max(
            _LEAST_BUFFER, _BUFFER_SHARE * settings.topic_partitions * _RECORDS_PER_POLL + 1
        ),
        "stream_wait_empty": True,
        "consumer_auto_offset_reset": "earliest",
        "reply_create_topic": False,
        "topic_partitions": settings.topic_partitions,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "web_enabled": False,
        # Else some sixty variables of everyday names (BROKER_URL, APP_VERSION, TIMEZONE, PRODUCER_ACKS …)
        # overrule what is said here.
        "env": {},
        "datadir": str(data_dir),
        "loghandlers": [],
        "logging_config": {"version": 1, "disable_existing_loggers": False},
    }
    app = faust.App(f"{settings.topic_prefix}{name}", **(options | _credentials(settings) | over))
    app.membership = Membership()
    app.transport = (EmbeddedTransport if settings.kafka_embedded else transport)(
        app.conf.broker, app, loop=None
    )
    return app


def _credentials(settings: Settings) -> dict[str, object]:
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return {}
    context = tls_context(settings) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return {"broker_credentials": faust.SSLCredentials(context)}
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return {
            "broker_credentials": OAuthCredentials(oauth_cb=token_provider(settings), ssl_context=context)
        }
    return {
        "broker_credentials": faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    }
