"""The operators' page keeps up with the files it speaks of."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS = ROOT / "ops" / "alerts.yaml"


@pytest.mark.skipif(not ALERTS.exists(), reason="no alerts yet")
def test_every_alert_says_what_to_do() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    assert alerts == set(re.findall(r"^\| (\w+) \| \S", PAGE.partition("## Alerts")[2], re.MULTILINE)) - {"alert"}


def test_the_files_it_names_are_there() -> None:
    for name in re.findall(r"tests/[\w/]+\.py", PAGE):
        assert (ROOT / name).exists(), name
