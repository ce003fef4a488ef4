"""CONTRIBUTING names files that exist, and for each kind of addition a test that notices its lack."""

import re

import pytest

from tests.support.up import ROOT

_PAGE = (ROOT / "CONTRIBUTING.md").read_text()
_ROWS = [line.strip("|").split("|") for line in _PAGE.splitlines() if line.startswith("| ") and "`" in line]
# A folder of the project, or a file in it.
_PATH = re.compile(r"`((?:[a-z]+/)[\w/.]+|cli|ops)`")


@pytest.mark.parametrize("path", sorted(set(_PATH.findall(_PAGE))))
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: str(row[0].strip()))
def test_an_addition_touches_few_places_and_has_a_guard(row: list[str]) -> None:
    _, touch, guard = row
    assert 1 <= len(_PATH.findall(touch)) <= 4
    assert "tests/" in guard or "type checker" in guard


def test_the_readme_leads_to_it() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "(CONTRIBUTING.md)" in readme
    assert "(docs/glossary.md)" in readme
