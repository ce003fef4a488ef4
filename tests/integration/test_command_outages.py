"""What a command says when Postgres or Kafka is away, or does not know us: one line, and nothing was done."""

from pathlib import Path

import pytest

from tests.support.processes import code_of, environment, running

_NOBODY = "127.0.0.1:9"
_COMMANDS = (
    "replay call-completed --since 1h",
    "replay call-completed --since 1h --mode what-if",
    "stats --check",
    "dead-letters list",
    "backfill --since 1h",
    "erase +573138539155 --yes",
    "conversation close +573138539155",
)
_ALL = (*_COMMANDS, "export +573138539155")


async def _said(command: str, env: dict[str, str], log: Path) -> tuple[int, str]:
    """Run a command to its end; return its code and what it said."""
    name, *options = command.split()
    async with running(name, env, log, *options) as process:
        code = await code_of(process)
    text = log.read_text()
    assert "Traceback" not in text
    return code, text


@pytest.mark.parametrize("command", _ALL)
async def test_postgres_that_is_away_is_named_at_once(command: str, tmp_path: Path) -> None:
    env = environment(f"postgresql://me:hidden@{_NOBODY}/none", _NOBODY, START_WAIT_SECONDS=60)
    code, text = await _said(command, env, tmp_path / "log")
    assert (code, text) == (1, f"not available: DATABASE_URL: Postgres at {_NOBODY} did not answer\n")


@pytest.mark.parametrize("command", _ALL)
async def test_a_database_that_is_not_there_is_a_wrong_setting(
    command: str, database_url: str, tmp_path: Path
) -> None:
    wrong = database_url.replace("/whatsapp_test_", "/no_such_")
    code, text = await _said(command, environment(wrong, _NOBODY), tmp_path / "log")
    assert code == 2
    assert text.startswith('configuration error: DATABASE_URL: database "no_such_')


@pytest.mark.parametrize("command", _ALL)
async def test_a_database_without_our_schema_is_to_be_migrated(
    command: str, empty_database_url: str, tmp_path: Path
) -> None:
    code, text = await _said(command, environment(empty_database_url, _NOBODY), tmp_path / "log")
    assert code == 1
    assert "run `whatsapp-microservice migrate`" in text


@pytest.mark.parametrize("command", _COMMANDS)
async def test_kafka_that_is_away_is_named(command: str, database_url: str, tmp_path: Path) -> None:
    code, text = await _said(command, environment(database_url, _NOBODY), tmp_path / "log")
    assert code == 1
    assert "KAFKA_BOOTSTRAP_SERVERS" in text.splitlines()[-1]


@pytest.mark.parametrize("command", _COMMANDS)
async def test_a_wrong_setting_of_kafkas_is_named(command: str, database_url: str, tmp_path: Path) -> None:
    env = environment(database_url, _NOBODY, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE="/no/such.pem")
    code, text = await _said(command, env, tmp_path / "log")
    assert code == 2
    assert "KAFKA_SSL_CAFILE" in text.splitlines()[-1]


async def test_doctor_goes_on_past_a_wrong_setting_of_kafkas(database_url: str, tmp_path: Path) -> None:
    env = environment(database_url, _NOBODY, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE="/no/such.pem")
    _, text = await _said("doctor --json", env, tmp_path / "log")
    assert "KAFKA_SSL_CAFILE" in text
    assert '"Postgres"' in text
