"""CI's package audit only warns: it fails neither for a finding nor for a service that does not answer."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.up import ROOT

_SECONDS = 30


def said(folder: Path, **programs: str) -> list[str]:
    """Run it where these programs are what the shell finds first; it must not fail."""
    for name, script in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    found = subprocess.run(
        [ROOT / ".ci" / "audit"], env=env, capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    return found.stdout.splitlines()


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path, pip_audit="exit 0") == []


def test_what_is_found_is_told_and_no_failure(tmp_path: Path) -> None:
    assert said(tmp_path, pip_audit="echo 'aiohttp 3.0 CVE-1'; exit 1") == [
        "warning: pip-audit:",
        "aiohttp 3.0 CVE-1",
    ]


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({"pip_audit": "echo 'no route to host' >&2; exit 1"}, "no route to host"),
        ({"python3": "exit 1"}, "pip-audit cannot be had"),
    ],
)
def test_without_a_network_it_is_one_line(tmp_path: Path, programs: dict[str, str], why: str) -> None:
    assert said(tmp_path, **programs) == [f"warning: packages were not audited: {why}"]
