"""Commands work with the running `up`, unless the environment names a database."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cli.connected import running_up, settings_beside

_DSN = "postgresql://postgres@127.0.0.1:1/whatsapp"


def _tell(folder: Path, pid: int) -> None:
    (folder / "up.json").write_text(json.dumps({"pid": pid, "env": {"DATABASE_URL": _DSN, "PORT": "1"}}))


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_what_it_has_chosen_counts_and_the_environment_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tell(tmp_path, os.getpid())
    assert settings_beside(tmp_path).database_url == _DSN
    monkeypatch.setenv("PORT", "2")
    assert settings_beside(tmp_path).port == 2
    monkeypatch.setenv("PORT", "")
    assert settings_beside(tmp_path).port == 1
    monkeypatch.setenv("DATABASE_URL", f"{_DSN}2")
    assert settings_beside(tmp_path).database_url == f"{_DSN}2"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"env": {}}'])
def test_none_has_told_of_itself(tmp_path: Path, text: str) -> None:
    assert running_up(tmp_path) is None
    (tmp_path / "up.json").write_text(text)
    assert settings_beside(tmp_path).database_url is None


def test_one_that_has_ended_does_not_count(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    _tell(tmp_path, ended.pid)
    assert running_up(tmp_path) is None
