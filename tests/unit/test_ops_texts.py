"""Every text of the operators' pages is there in Spanish."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2.ext import babel_extract

import web.ops
from web.ops.language import translations

FOLDER = Path(web.ops.__file__).parent
_TITLE = re.compile(r'Page\("\w+\.html", "([^"]+)"')


def _texts() -> Iterator[str]:
    for path in (FOLDER / "templates").glob("*.html"):
        with path.open("rb") as file:
            for _, _, found, _ in babel_extract(file, ("_", "ngettext"), [], {}):
                # A text that is only known when the page is made has no words here.
                yield from [found] if isinstance(found, str) else [text for text in found or () if text][:1]
    for path in FOLDER.glob("*.py"):
        yield from _TITLE.findall(path.read_text())


@pytest.mark.parametrize("text", sorted(set(_texts())))
def test_it_is_translated(text: str) -> None:
    spanish = translations("es")
    known = spanish._catalog  # type: ignore[attr-defined]  # gettext offers no question for it
    assert text in known or (text, 0) in known
