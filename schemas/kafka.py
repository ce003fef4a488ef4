"""How Kafka is connected to, from the settings: the arguments of every aiokafka client."""

import ssl
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.errors import ConfigurationError
from schemas.settings import Settings


def connection_arguments(settings: Settings) -> dict[str, Any]:
    """Give bootstrap servers, security protocol, SASL and TLS for an aiokafka client.

    Raises:
        ConfigurationError: servers or credentials are missing, or the CA file cannot be read.
    """
    if settings.kafka_bootstrap_servers is None:
        raise ConfigurationError("KAFKA_BOOTSTRAP_SERVERS: not set; write it as host:port[,host:port…]")
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= _sasl(settings)
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = tls_context(settings)
    return arguments


def producer_arguments(settings: Settings) -> dict[str, Any]:
    """Give the arguments of a producer: written by all replicas in sync, each record once however often it is sent.

    The embedded broker numbers no producers; it never fails between writing and answering either.

    Raises:
        ConfigurationError: see `connection_arguments`.
    """
    return connection_arguments(settings) | {"acks": "all", "enable_idempotence": not settings.kafka_embedded}


def ends_a_producer(error: Exception) -> bool:
    """Tell whether an idempotent producer fails for ever after an error: it is not about time, nor about one record.

    A batch that ran out of time leaves a gap in its partition's sequence, and all later ones are out of order.
    """
    return isinstance(error, KafkaError) and not error.retriable and not isinstance(error, MessageSizeTooLargeError)


def _sasl(settings: Settings) -> dict[str, Any]:
    if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
        raise ConfigurationError("KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: needed by KAFKA_SECURITY_PROTOCOL")
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password,
    }


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Give the TLS context: the system's authorities, or those of KAFKA_SSL_CAFILE."""
    try:
        return ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"KAFKA_SSL_CAFILE: {error}") from error
