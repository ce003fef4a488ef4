"""How to connect to Kafka, from the settings: the arguments of every aiokafka client."""

import ssl
from collections.abc import Iterable
from typing import Any

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from cryptography import x509

from clients.kafka.oauth import token_provider
from schemas.errors import ConfigurationError
from schemas.settings import Settings

KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)
"""What a call raises while Kafka does not answer."""

REQUEST_TIMEOUT_MS = 8_000
"""A request unanswered for so long ends its connection, and the leader is looked up anew.

A machine that is gone closes no connection itself. This is longer than a fetch or an election waits,
and shorter than the drain at a rebalance. Whoever waits for less, and then cancels the request,
keeps the connection forever.
"""

DENIED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
"""What brokers answer if we may not do something; they say neither under which name we asked, nor what."""

ISOLATION = "read_committed"
"""How every consumer reads; Faust's get this from `streams.engine.consumer`."""
__all__ = ["KafkaError", "MessageSizeTooLargeError"]


def connection_arguments(settings: Settings) -> dict[str, Any]:
    """Return bootstrap servers, security protocol, SASL and TLS for an aiokafka client.

    Raises:
        ConfigurationError: servers or credentials are missing, or a TLS file cannot be read.
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


def consumer_arguments(settings: Settings) -> dict[str, Any]:
    """Return a consumer's arguments: what a transaction has written is there once it is committed, or never.

    A partition then ends where its oldest open transaction begins.

    Raises:
        ConfigurationError: see `connection_arguments`.
    """
    bounds = {"request_timeout_ms": REQUEST_TIMEOUT_MS}
    return (
        connection_arguments(settings) | bounds | {"isolation_level": ISOLATION, "enable_auto_commit": False}
    )


def producer_arguments(settings: Settings) -> dict[str, Any]:
    """Return a producer's arguments: all in-sync replicas write each record once, however often it is sent.

    The embedded broker does not number producers; nor does it ever fail between writing and answering.

    Raises:
        ConfigurationError: see `connection_arguments`.
    """
    return connection_arguments(settings) | {"acks": "all", "enable_idempotence": not settings.kafka_embedded}


def principal(settings: Settings) -> str:
    """Return who we are to Kafka, as its ACLs name us; a broker may map names differently."""
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            return (
                "the subject of the tokens of "
                f"{settings.kafka_oauth_token_provider or settings.kafka_sasl_username}"
            )
        return f"User:{settings.kafka_sasl_username}"
    if settings.kafka_security_protocol == "SSL" and settings.kafka_ssl_certfile is not None:
        with open(settings.kafka_ssl_certfile, "rb") as file:
            return f"User:{x509.load_pem_x509_certificate(file.read()).subject.rfc4514_string()}"
    return "User:ANONYMOUS"


def not_allowed(settings: Settings, lacking: Iterable[str]) -> str:
    """Return a description of the operations that we need and the brokers do not allow."""
    return f"Kafka does not allow {principal(settings)}: {', '.join(lacking)}"


def ends_a_producer(error: Exception) -> bool:
    """Return whether an error ends an idempotent producer for good: it is about neither time nor one record.

    A batch that ran out of time leaves a gap in its partition's sequence, and all later ones
    are out of order.
    """
    return (
        isinstance(error, KafkaError)
        and not error.retriable
        and not isinstance(error, MessageSizeTooLargeError)
    )


def _sasl(settings: Settings) -> dict[str, Any]:
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": token_provider(settings)}
    if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
        raise ConfigurationError(
            "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: needed by KAFKA_SECURITY_PROTOCOL"
        )
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password,
    }


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context: the system's authorities or KAFKA_SSL_CAFILE's, and our certificate, if any.

    Raises:
        ConfigurationError: a file cannot be read, or the key does not belong to the certificate.
    """
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"KAFKA_SSL_CAFILE: {error}") from error
    if settings.kafka_ssl_certfile is None:
        return context
    try:
        # Without a password OpenSSL would prompt for one, and wait.
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile, password="")
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: {error}") from error
    return context
