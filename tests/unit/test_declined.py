"""A command whose question nobody answers ends in one line; nothing has failed."""

import os
import subprocess
import sys

import pytest

from tests.support.servers import ROOT

_QUESTIONS = {
    "erase": ("erase", "+573138539155"),
    "dead letters": ("dead-letters", "retry", "--all"),
    "for machines": ("dead-letters", "retry", "--all", "--json"),
}


@pytest.mark.parametrize("words", _QUESTIONS.values(), ids=_QUESTIONS)
def test_no_answer_is_no(words: tuple[str, ...]) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://me@127.0.0.1:1/x",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    command = [sys.executable, "-m", "cli", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.endswith("Aborted.\n")
    assert "Traceback" not in done.stdout + done.stderr
