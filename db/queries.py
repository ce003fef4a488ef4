"""Named SQL: `-- name: some_query` starts a query in `sql/FILE.sql`; the lines up to the next name are its text."""

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Queries:
    """The queries of one file, as attributes."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"no query named {name}") from None

    def names(self) -> list[str]:
        return sorted(self._texts)


@cache
def load(name: str) -> Queries:
    """Load `sql/NAME.sql`."""
    _, *pieces = _NAME.split((_FOLDER / f"{name}.sql").read_text())
    return Queries(dict(zip(pieces[::2], map(str.strip, pieces[1::2]), strict=True)))
