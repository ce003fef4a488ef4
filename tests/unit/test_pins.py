"""The pins name packages and hashes, and no location that only one machine or one registry has."""

import pytest

from tests.support.up import ROOT


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_pins_name_no_place(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    options = [line for line in lines if line.startswith("-") or "://" in line]
    assert options == []
    assert all("==" in line for line in lines if line and not line.startswith((" ", "#")))
