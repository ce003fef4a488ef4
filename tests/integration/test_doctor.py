"""`doctor` says in one line what to do about each wrong setting and exits 1; if all is well, it exits 0."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cli.doctor import examine
from cli.doctor_checks import Finding
from clients.kafka.topics import ensure_topics
from local.server import start
from local.vendors.elevenlabs.routes import application as elevenlabs_application
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from local.vendors.twilio.routes import application as twilio_application
from local.vendors.twilio.simulator import TwilioSimulator
from schemas.settings import Settings, load_settings
from tests.support.processes import code_of, environment, running

ACCOUNT, TOKEN, KEY = "AC" + "0" * 32, "token", "key"
NOBODY = "127.0.0.1:9"
NEEDED = (
    "MICROSERVICE_TOKEN",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "ELEVENLABS_API_KEY",
    "DATABASE_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
)


@pytest.fixture
async def vendors() -> AsyncIterator[dict[str, str]]:
    """The settings of both simulated vendors."""
    twilio = await start(
        twilio_application(TwilioSimulator(ACCOUNT, TOKEN, f"http://{NOBODY}/", "whatsapp:+15550000000")), 0
    )
    elevenlabs = await start(elevenlabs_application(ElevenLabsSimulator(KEY)), 0)
    yield {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_api_base_url": twilio.url,
        "elevenlabs_api_key": KEY,
        "elevenlabs_api_base_url": elevenlabs.url,
    }
    await twilio.stop()
    await elevenlabs.stop()


def nowhere(**over: object) -> Settings:
    """Settings with everything set, and nothing that answers."""
    env = {
        name: value
        for name, value in environment(f"postgresql://me:hush@{NOBODY}/none", NOBODY).items()
        if name.isupper()
    }
    return load_settings(env, **over)


async def said(settings: Settings, what: str) -> Finding:
    """Return the one line about something."""
    [finding] = [finding for finding in await examine(settings) if finding.what == what]
    return finding


async def test_what_is_not_set_is_named() -> None:
    findings = {finding.what: finding for finding in await examine(load_settings({}))}
    assert {name: findings[name].found for name in NEEDED} == dict.fromkeys(NEEDED, "not set")
    assert all(findings[name].advice.startswith(f"set {name}") for name in NEEDED)
    assert "refused" in findings["MICROSERVICE_TOKEN"].advice
    assert findings["Postgres"].advice == "set DATABASE_URL"
    assert findings["Kafka"].advice


@pytest.mark.parametrize(
    ("what", "variable"),
    [
        ("Postgres", "DATABASE_URL"),
        ("Kafka", "KAFKA_BOOTSTRAP_SERVERS"),
        ("Twilio", "base URL"),
        ("ElevenLabs", "base URL"),
    ],
)
async def test_what_is_away_is_named(what: str, variable: str) -> None:
    finding = await said(nowhere(), what)
    assert finding.found.startswith("not reachable")
    assert variable in finding.advice
    assert "hush" not in f"{finding}"


@pytest.mark.parametrize(
    ("what", "over", "variable"),
    [
        ("Twilio", {"twilio_auth_token": "wrong"}, "TWILIO_AUTH_TOKEN"),
        ("ElevenLabs", {"elevenlabs_api_key": "wrong"}, "ELEVENLABS_API_KEY"),
    ],
)
async def test_wrong_credentials_are_told_from_right_ones(
    vendors: dict[str, str], what: str, over: dict[str, str], variable: str
) -> None:
    assert await said(nowhere(**vendors), what) == Finding(what, "ok")
    wrong = await said(nowhere(**(vendors | over)), what)
    assert (wrong.found, variable in wrong.advice) == ("credentials refused", True)


async def test_a_twilio_on_this_machine_needs_no_public_address(vendors: dict[str, str]) -> None:
    here = await said(nowhere(**vendors), "PUBLIC_BASE_URL")
    assert here == Finding("PUBLIC_BASE_URL", "not needed by a Twilio on this machine")


@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"first_message_text": "¡Hola {nombre}!"}, "FIRST_MESSAGE_TEXT"),
        ({"no_answer_message_text": "¡Hola {client_name!"}, "NO_ANSWER_MESSAGE_TEXT"),
        (
            {
                "twilio_first_message_content_sid": "HX" + "1" * 32,
                "twilio_first_message_content_variables": "{",
            },
            "TWILIO_FIRST_MESSAGE_CONTENT_VARIABLES",
        ),
        ({"quiet_hours": "at night"}, "QUIET_HOURS"),
        ({"call_status_actions": "[]"}, "CALL_STATUS_ACTIONS"),
    ],
)
async def test_texts_that_cannot_be_filled_in_are_named(over: dict[str, str], named: str) -> None:
    finding = await said(nowhere(**over), "texts")
    assert (finding.found, finding.advice.startswith(named)) == ("wrong", True), finding


async def test_a_database_without_the_schema(empty_database_url: str, database_url: str) -> None:
    empty = await said(nowhere(database_url=empty_database_url), "Postgres")
    assert (empty.found, empty.advice) == ("schema missing or old", "run `migrate`")
    assert await said(nowhere(database_url=database_url), "Postgres") == Finding("Postgres", "ok")


async def test_topics_that_are_missing_or_unequal(kafka_bootstrap: str) -> None:
    settings = nowhere(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=f"d{uuid.uuid4().hex[:8]}.", topic_partitions=2
    )
    missing = await said(settings, "Kafka")
    assert "topics are missing" in missing.advice
    assert "migrate" in missing.advice
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        counts = {"call-completed": 3, "inbound-message": 2}
        await admin.create_topics(
            [NewTopic(settings.topic_prefix + name, count, 1) for name, count in counts.items()]
        )
    finally:
        await admin.close()
    with pytest.raises(Exception, match="differing partition counts"):
        await ensure_topics(settings)
    unequal = await said(settings, "Kafka")
    assert "call-completed: 3" in unequal.advice
    assert "run `whatsapp-microservice repartition`" in unequal.advice


async def test_against_nothing_the_command_ends_with_1(tmp_path: Path) -> None:
    log = tmp_path / "doctor.log"
    async with running("doctor", environment(f"postgresql://me:hush@{NOBODY}/none", NOBODY), log) as process:
        assert await code_of(process) == 1
    assert "not reachable" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert "hush" not in log.read_text()


async def test_with_all_as_it_should_be_the_command_ends_with_0(
    kafka_bootstrap: str, database_url: str, vendors: dict[str, str], tmp_path: Path
) -> None:
    env = environment(
        database_url, kafka_bootstrap, TOPIC_PREFIX=f"d{uuid.uuid4().hex[:8]}.", TOPIC_PARTITIONS=2
    )
    env |= {name.upper(): value for name, value in vendors.items()}
    for command in ("migrate", "migrate", "doctor"):
        log = tmp_path / f"{command}.log"
        async with running(command, env, log) as process:
            assert await code_of(process) == 0, log.read_text()
            assert "Traceback" not in log.read_text()
