"""An Apache Kafka with authentication (passwords, tokens, certificates over TLS) and rights by ACL."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.protocol.admin import CreateAclsRequest

from clients.kafka.topics import open_admin
from local.kafka import apache
from local.kafka.child import start_child
from local.process import LOOPBACK, free_port
from process.kafka import when_kafka_answers
from schemas.settings import Settings, load_settings
from tests.support.servers import JARS
from tests.support.tls import Certificates, make_certificates

ADMIN, CLIENT = "service", "application"
"""A user who may do everything, and one with a password but no rights."""
PASSWORD = "right"

_SECURED = """
listener.security.protocol.map=SECURED:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
listeners=SECURED://{host}:{port},MUTUAL://{host}:{mutual},CONTROLLER://{host}:{controller}
advertised.listeners=SECURED://{host}:{port},MUTUAL://{host}:{mutual}
inter.broker.listener.name=SECURED
sasl.enabled.mechanisms=PLAIN,OAUTHBEARER
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.secured.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="service" password="right" user_service="right" user_application="right";
listener.name.secured.oauthbearer.sasl.jaas.config=\\
  org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required\
 unsecuredLoginStringClaim_sub="broker";
listener.name.mutual.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={folder}/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:service;User:ANONYMOUS
"""

# Kafka's numbers for resources, patterns, operations and permissions.
_RESOURCES = {"topic": 2, "group": 3, "cluster": 4}
_LITERAL, _ALLOW = 3, 3
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """A running broker. `mutual`: the port for clients with a certificate."""

    port: int
    mutual: int
    certificates: Certificates

    def by_password(self, user: str = ADMIN) -> dict[str, str]:
        """Return the variables of a client with a password."""
        return self._over(SASL_MECHANISM="PLAIN", SASL_USERNAME=user, SASL_PASSWORD=PASSWORD)

    def by_token(self, url: str) -> dict[str, str]:
        """Return the variables of a client whose tokens come from a URL."""
        return self._over(
            SASL_MECHANISM="OAUTHBEARER", SASL_USERNAME=CLIENT, SASL_PASSWORD=PASSWORD, OAUTH_TOKEN_URL=url
        )

    def by_certificate(self) -> dict[str, str]:
        """Return the variables of a client with a certificate and no password."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{self.mutual}",
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(self.certificates.authority),
            "KAFKA_SSL_CERTFILE": str(self.certificates.client),
            "KAFKA_SSL_KEYFILE": str(self.certificates.client_key),
        }

    def _over(self, **sasl: str) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{self.port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SSL_CAFILE": str(self.certificates.authority),
        } | {f"KAFKA_{name}": value for name, value in sasl.items()}

    async def allow(self, principal: str, kind: str, names: Sequence[str], *operations: str) -> None:
        """Grant a principal rights."""
        settings = settings_of(self.by_password())
        async with open_admin(settings) as admin:
            for name in names:
                for operation in operations:
                    request = CreateAclsRequest(
                        _RESOURCES[kind], name, _LITERAL, principal, "*", OPERATIONS[operation], _ALLOW
                    )
                    answer = await admin._send_to_controller(request)
                    assert [each[0] for each in answer.creation_responses] == [0], answer


def settings_of(variables: dict[str, str], **over: object) -> Settings:
    """Return a client's settings, with patience for a broker that has just been started."""
    return load_settings(variables, **{"start_wait_seconds": 60, **over})


def unsecured_token(subject: str, seconds: float = 3600.0) -> str:
    """Return an unsigned token, as Kafka accepts them where no keys are configured."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": subject, "iat": now, "exp": now + seconds})
    head, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return f"{head}.{claims}."


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Run the broker."""
    certificates = make_certificates(folder)
    (folder / "keystore.pem").write_text(certificates.key.read_text() + certificates.server.read_text())
    port, mutual, controller = free_port(), free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(_properties(folder, port, mutual, controller))
    (folder / "log").mkdir()
    (folder / "log" / "meta.properties").write_text(apache._FORMATTED)
    broker = start_child(
        [*apache._JAVA, "-cp", f"{JARS}/*", "kafka.Kafka", str(properties)], folder / "kafka.log"
    )
    kafka = SecuredKafka(port, mutual, certificates)
    try:
        asyncio.run(_answers(settings_of(kafka.by_password())))
        yield kafka
    finally:
        asyncio.run(broker.kill())


async def _answers(settings: Settings) -> None:
    async def look() -> None:
        async with open_admin(settings):
            pass

    await when_kafka_answers(settings, look)


def _properties(folder: Path, port: int, mutual: int, controller: int) -> str:
    plain = apache._PROPERTIES.format(host=LOOPBACK, port=port, controller=controller, data=folder / "log")
    lines = [
        line for line in plain.splitlines() if not line.startswith(("listeners=", "advertised.listeners="))
    ]
    secured = _SECURED.format(host=LOOPBACK, port=port, mutual=mutual, controller=controller, folder=folder)
    return "\n".join(lines) + secured
