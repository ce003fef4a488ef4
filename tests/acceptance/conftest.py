"""Running services that the acceptance tests share, and a browser."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.up import ROOT, State, running_up

Command = Callable[..., State]
_COMMAND_SECONDS = 60


@pytest.fixture(scope="session")
def operated(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[State]:
    """One worker, one web."""
    with running_up(tmp_path_factory.mktemp("operated"), jars) as state:
        yield state


@pytest.fixture
def command(operated: State) -> Command:
    """Run a command beside it and return its `--json` result; its exit code must be `code`."""

    def run(*words: str, code: int = 0) -> State:
        options = ["--data-dir", operated["folder"], "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        result: State = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
        return result

    return run


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[State]:
    """Two workers, one web, two operators: what people see in a browser."""
    operators = json.dumps({name: secrets.token_urlsafe() for name in ("ana", "luis")})
    with running_up(
        tmp_path_factory.mktemp("staffed"), jars, "--workers", "2", OPERATOR_TOKENS=operators
    ) as state:
        yield state | {"operators": json.loads(operators)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium per file: while its driver's event loop runs, no other test could run one."""
    with chromium() as running:
        yield running
