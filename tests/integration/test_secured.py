"""Kafka as others run it, reached by settings alone: TLS, passwords, tokens, certificates, rights."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from clients.kafka.connection import connection_arguments
from clients.kafka.topic_configs import differences, wanted_configs
from clients.kafka.topics import check_copartitioning, create_topics, ensure_topics, open_admin, topic_names
from process.kafka import partition_count
from schemas.errors import ConfigurationError, Unavailable
from schemas.models import TAKEN_UP
from schemas.rights import STATS_WORKER, WEB, WORKER
from schemas.settings import Settings
from schemas.topics import (
    ALL_TOPICS,
    CONVERSATION_EVENT,
    INBOUND_MESSAGE,
    STATS_CHANGELOG,
    STATS_GROUP,
    WORKER_GROUP,
)
from tests.support.deadline import eventually
from tests.support.processes import code_of, environment, running
from tests.support.secured_kafka import (
    CLIENT,
    PASSWORD,
    SecuredKafka,
    secured_kafka,
    settings_of,
    unsecured_token,
)
from tests.support.servers import needs_apache
from tests.support.tls import CLIENT_NAME
from web.kafka_link import KafkaLink

# asyncio says goodbye to a TLS peer first, so a loop that ends right after closing leaves the socket open.
pytestmark = [needs_apache, pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")]

_SUBJECT = "subject-of-the-token"
_EVENT = (
    b'{"event_id": "SM1", "received_at": "2026-01-01T00:00:00Z",'
    b' "params": {"From": "whatsapp:+573138539155"}}'
)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        asyncio.run(ensure_topics(settings_of(kafka.by_password())))
        yield kafka


@pytest.fixture
async def token_url() -> AsyncIterator[str]:
    """An authorization server that knows our client."""

    async def give(request: web.Request) -> web.Response:
        form = await request.post()
        is_right = request.headers["Authorization"] == encode_basic_auth(CLIENT, PASSWORD)
        if not is_right or form["grant_type"] != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": unsecured_token(_SUBJECT), "expires_in": 3600})

    application = web.Application()
    application.router.add_post("/token", give)
    async with TestServer(application) as server:
        yield str(server.make_url("/token"))


async def _allow_what_is_needed(secured: SecuredKafka, principal: str) -> None:
    """Just what is told that each process needs, and nothing more."""
    for needs in (WEB, WORKER, STATS_WORKER):
        await secured.allow(principal, "topic", needs.describe, "Describe")
        await secured.allow(principal, "topic", needs.read, "Read")
        await secured.allow(principal, "topic", needs.write, "Write")
        await secured.allow(principal, "group", needs.groups, "Read")
        await secured.allow(principal, "group", needs.described_groups, "Describe")


Ways = dict[str, tuple[str, Callable[[SecuredKafka, str], dict[str, str]]]]
_WAYS: Ways = {
    "password": ("User:service", lambda secured, _: secured.by_password()),
    "certificate": (f"User:{CLIENT_NAME}", lambda secured, _: secured.by_certificate()),
    "token": (f"User:{_SUBJECT}", lambda secured, url: secured.by_token(url)),
}


@pytest.mark.parametrize("way", _WAYS)
async def test_every_process_works_with_the_rights_that_are_told(
    secured: SecuredKafka,
    token_url: str,
    way: str,
    database_url: str,
    pool: "asyncpg.Pool[asyncpg.Record]",
    tmp_path: Path,
) -> None:
    principal, variables_of = _WAYS[way]
    variables = variables_of(secured, token_url)
    await _allow_what_is_needed(secured, principal)
    link = KafkaLink(settings_of(variables))
    await link.keep()
    assert link.state == "connected"
    await link.send(INBOUND_MESSAGE, "+573138539155", _EVENT, None)
    await link.close()
    env = environment(database_url, "", **variables, UNKNOWN_NUMBER_GRACE_SECONDS=300, START_WAIT_SECONDS=60)
    log, stats_log = tmp_path / "worker.log", tmp_path / "stats-worker.log"
    async with running("worker", env, log) as process, running("stats-worker", env, stats_log) as stats:

        async def is_parked() -> bool:
            assert process.returncode is None, log.read_text()[-3000:]
            return bool(await pool.fetchval("SELECT count(*) FROM conversation_seen"))

        async def are_counted() -> bool:
            assert stats.returncode is None, stats_log.read_text()[-3000:]
            return "app started" in stats_log.read_text()

        await eventually(is_parked, 90)
        await eventually(are_counted, 60)


@pytest.mark.parametrize(
    "over",
    [{"kafka_sasl_password": "wrong"}, {"kafka_ssl_cafile": None}, {"kafka_security_protocol": "PLAINTEXT"}],
)
async def test_wrong_settings_are_said_plainly(secured: SecuredKafka, over: dict[str, object]) -> None:
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS: no broker of"):
        await partition_count(settings_of(secured.by_password(), start_wait_seconds=0, **over), WORKER)


async def test_a_broker_that_wants_a_certificate_and_gets_none(secured: SecuredKafka) -> None:
    with pytest.raises(
        Unavailable, match="it is spoken to by SSL, see the KAFKA_SASL and KAFKA_SSL variables"
    ):
        await partition_count(
            settings_of(secured.by_certificate(), start_wait_seconds=0, kafka_ssl_certfile=None), WORKER
        )


@pytest.mark.parametrize("command", ["worker", "stats-worker"])
async def test_rights_that_are_missing_are_one_line_and_exit_2(
    secured: SecuredKafka, database_url: str, tmp_path: Path, command: str
) -> None:
    principal = f"User:{CLIENT}"
    await secured.allow(principal, "topic", [*ALL_TOPICS, STATS_CHANGELOG], "Describe")
    await secured.allow(principal, "topic", [*TAKEN_UP, STATS_CHANGELOG], "Write")
    log = tmp_path / "log"
    async with running(command, environment(database_url, "", **secured.by_password(CLIENT)), log) as process:
        assert await code_of(process) == 2, log.read_text()
    lacking = {
        "worker": "Read on topic call-completed, Read on topic inbound-message, "
        "Read on topic message-status, Read on topic conversation-command, "
        "Write on topic conversation-event, Write on topic dead-letter, "
        f"Read on group {WORKER_GROUP}",
        "stats-worker": f"Read on topic {CONVERSATION_EVENT}, Read on topic {STATS_CHANGELOG}, "
        f"Read on group {STATS_GROUP}, Describe on group {WORKER_GROUP}",
    }
    [line] = [line for line in log.read_text().splitlines() if "error" in line]
    assert line == f"configuration error: Kafka does not allow {principal}: {lacking[command]}"


async def test_web_keeps_events_in_postgres_until_it_is_allowed(secured: SecuredKafka) -> None:
    link = KafkaLink(settings_of(secured.by_password(CLIENT)))
    await link.keep()
    assert link.state == "error"
    with pytest.raises(
        Unavailable, match=f"Kafka does not allow User:{CLIENT}: Read on topic call-completed, .*Write on"
    ):
        await link.send(INBOUND_MESSAGE, "+573138539155", _EVENT, None)
    await secured.allow(f"User:{CLIENT}", "topic", WEB.read, "Read")
    await secured.allow(f"User:{CLIENT}", "topic", WEB.write, "Write")

    async def is_connected() -> bool:
        await link.keep()
        return link.state == "connected"

    await eventually(is_connected)
    await link.close()


async def test_who_may_not_create_topics_is_told_what_to_have_made(
    secured: SecuredKafka, database_url: str, tmp_path: Path
) -> None:
    variables = {**secured.by_password(CLIENT), "TOPIC_PREFIX": "hand-", "TOPIC_PARTITIONS": "2"}
    env, log = environment(database_url, "", **variables), tmp_path / "migrate.log"
    async with running("migrate", env, log) as process:
        assert await code_of(process) == 2
    assert log.read_text().splitlines()[-1] == (
        f"configuration error: Kafka does not allow User:{CLIENT}: Create on topic hand-call-completed; "
        "allow it, or have the topics made by hand, as `whatsapp-microservice migrate --print-topics` tells"
    )
    await ensure_topics(settings_of({**variables, **secured.by_password()}))
    await secured.allow(
        f"User:{CLIENT}", "topic", [f"hand-{name}" for name in (*ALL_TOPICS, STATS_CHANGELOG)], "Describe"
    )
    async with running("migrate", env, log) as process:
        assert await code_of(process) == 0, log.read_text()
    assert (
        f"Kafka does not allow User:{CLIENT}: DescribeConfigs on topic hand-call-completed" in log.read_text()
    )


async def test_topics_are_printed_for_those_who_make_them_by_hand(tmp_path: Path) -> None:
    variables = {"TOPIC_PREFIX": "hand-", "TOPIC_PARTITIONS": "2", "TOPIC_REPLICATION_FACTOR": "3"}
    env = environment("", "kafka:9092", **variables)
    for option in ("--print-topics", "--json"):
        async with running("migrate", env, tmp_path / "topics.log", "--print-topics", option) as process:
            assert await code_of(process) == 0
    *commands, told = (tmp_path / "topics.log").read_text().splitlines()
    assert commands[0] == (
        "kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists --topic hand-call-completed "
        "--partitions 2 --replication-factor 3 --config retention.ms=1209600000"
    )
    assert [each["name"] for each in json.loads(told)] == [
        f"hand-{name}" for name in (*ALL_TOPICS, STATS_CHANGELOG)
    ]
    assert json.loads(told)[-1]["configs"]["cleanup.policy"] == "compact"


async def test_settings_of_a_topic_that_are_refused_are_left_out(secured: SecuredKafka) -> None:
    """A broker refuses what it does not know, as managed ones refuse what they do not let anybody set."""
    settings = settings_of(secured.by_password(), topic_prefix="refused-", topic_partitions=2)

    def configs(settings: Settings, name: str) -> dict[str, str]:
        return wanted_configs(settings, name) | {"no.such.setting": "1"}

    with capture_logs() as logs:
        async with open_admin(settings) as admin:
            await create_topics(admin, settings, topic_names(settings), 2, configs)
    refused = [line for line in logs if line["event"] == "topic's setting is refused and left out"]
    assert {line["name"] for line in refused} == {"no.such.setting"}
    assert len(refused) == len(await check_copartitioning(settings))
    assert await differences(settings) == [], "the others are set"


async def test_what_cannot_be_right_is_said_before_anybody_is_asked(secured: SecuredKafka) -> None:
    certificates = secured.certificates
    for variables, line in (
        ({"KAFKA_SSL_KEYFILE": str(certificates.key)}, "KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: "),
        ({"KAFKA_SSL_CERTFILE": "/nowhere.pem"}, "KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: "),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "KAFKA_OAUTH_TOKEN_URL, ",
        ),
    ):
        with pytest.raises(ConfigurationError, match=line):
            connection_arguments(settings_of({**secured.by_certificate(), **variables}))
