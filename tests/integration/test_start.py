"""How the processes start when something is missing, wrong or away, and how they end meanwhile."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from clients.kafka.topics import ensure_topics
from local.process import free_port
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.processes import ALL, PORTS, code_of, environment, running

NOBODY = "127.0.0.1:9"
_DEAD_DATABASE = f"postgresql://{NOBODY}/none"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "process.log"


@pytest.mark.parametrize(
    ("command", "over", "named"),
    [
        ("web", {"DATABASE_URL": ""}, "DATABASE_URL"),
        ("web", {"STATS_TIMEZONE": "Nowhere/Never"}, "STATS_TIMEZONE"),
        ("worker", {"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN"),
        ("worker", {"TWILIO_WHATSAPP_FROM": "+14155238886"}, "TWILIO_WHATSAPP_FROM"),
        ("stats-worker", {"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS"),
        ("migrate", {"DATABASE_URL": "mysql://127.0.0.1/x"}, "DATABASE_URL"),
        ("web", {"DATABASE_URL": "postgresql://127.0.0.1/x?sslmodus=require"}, "DATABASE_URL"),
    ],
)
async def test_a_wrong_setting_is_one_line_and_exit_2(
    log: Path, command: str, over: dict[str, str], named: str
) -> None:
    async with running(command, environment(_DEAD_DATABASE, NOBODY) | over, log) as process:
        assert await code_of(process) == 2
    assert log.read_text().startswith(f"configuration error: {named}: ")
    assert log.read_text().count("\n") == 1


@pytest.mark.parametrize("command", ["worker", "stats-worker", "migrate"])
async def test_kafka_that_is_away_is_waited_for_and_named(log: Path, command: str, database_url: str) -> None:
    async with running(command, environment(database_url, NOBODY), log) as process:
        assert await code_of(process) == 1
    assert (
        f"not available: KAFKA_BOOTSTRAP_SERVERS: no broker of {NOBODY} answered within 1 s"
        in log.read_text()
    )
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("command", ALL)
async def test_postgres_that_is_away_is_waited_for_and_named(log: Path, command: str, topics: str) -> None:
    async with running(command, environment(f"postgresql://me:secret@{NOBODY}/none", topics), log) as process:
        assert await code_of(process) == 1
    assert f"not available: DATABASE_URL: Postgres at {NOBODY} did not answer within 1 s" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert "secret" not in log.read_text()


@pytest.mark.parametrize("command", ALL)
async def test_a_port_that_stays_taken_is_named(
    log: Path, command: str, topics: str, database_url: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = environment(database_url, topics, **{PORTS[command]: port})
        async with running(command, env, log) as process:
            assert await code_of(process) == 1
    assert f"not available: {PORTS[command]}: {port} cannot be listened on" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def topics(kafka_bootstrap: str) -> str:
    """A Kafka that has the topics."""
    asyncio.run(ensure_topics(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap)))
    return kafka_bootstrap


@pytest.mark.parametrize("command", ALL)
async def test_sigterm_ends_a_start_at_any_moment(
    log: Path, command: str, topics: str, database_url: str
) -> None:
    """A start takes seconds: interpreter, imports, connections or app may be under way at these moments."""
    for place, seconds in enumerate((0.3, 0.8, 1.3, 2.0, 3.0)):
        one = log.with_suffix(f".{place}")
        async with running(command, environment(database_url, topics), one) as process:
            await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=seconds)
            process.send_signal(signal.SIGTERM)
            assert await code_of(process, 10) == 0, (seconds, one.read_text())


@pytest.mark.parametrize("command", ALL)
async def test_sigterm_ends_a_start_that_waits(log: Path, command: str) -> None:
    env = environment(f"postgresql://127.0.0.1:{free_port()}/none", NOBODY, START_WAIT_SECONDS=60)
    async with running(command, env, log) as process:

        async def waits() -> bool:
            return "does not answer yet" in log.read_text()

        await eventually(waits)
        process.send_signal(signal.SIGTERM)
        assert await code_of(process, 10) == 0
