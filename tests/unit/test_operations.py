"""The operators' page keeps up with the files it names."""

import re
from pathlib import Path

import pytest

from schemas.rights import STATS_WORKER, WEB, WORKER

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS = ROOT / "ops" / "alerts.yaml"


@pytest.mark.skipif(not ALERTS.exists(), reason="no alerts yet")
def test_every_alert_says_what_to_do() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    assert alerts == set(re.findall(r"^\| (\w+) \| \S", PAGE.partition("## Alerts")[2], re.MULTILINE)) - {
        "alert"
    }


def test_the_rights_are_those_that_are_asked_for() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (`.*) \|$", PAGE.partition("reads groups")[2], re.MULTILINE))
    for process, needs in (("web", WEB), ("worker", WORKER), ("stats-worker", STATS_WORKER)):
        read, written, *groups = (re.findall(r"`([a-z-]+)`", cell) for cell in rows[process].split(" |"))
        same = list(needs.read) if "the same" in rows[process] else []
        assert (read, same + written) == (list(needs.read), list(needs.write))
        assert groups == [list(needs.groups), list(needs.described_groups)]


def test_the_files_it_names_are_there() -> None:
    for name in re.findall(r"tests/[\w/]+\.py", PAGE):
        assert (ROOT / name).exists(), name
