"""README's table of what happens when: each row names a test that exists."""

import re

from tests.support.up import ROOT

_ROW = re.compile(r"^\| [^|]+ \| [^|]+ \| `(?P<file>tests/[\w/]+\.py)::(?P<test>\w+)` \|$", re.MULTILINE)


def test_each_row_is_a_test() -> None:
    section = (ROOT / "README.md").read_text().split("## What happens when …")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    rows = list(_ROW.finditer(section))
    assert len(rows) == len(lines) > 30
    missing = [row["test"] for row in rows if f"def {row['test']}(" not in (ROOT / row["file"]).read_text()]
    assert missing == []
