"""What makes it a library: it stands alone, is small, has no word of this product, and its example runs."""

import ast
import contextlib
import io
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent.parent / "mailboxes"
FILES = sorted(FOLDER.glob("*.py"))
README = (FOLDER / "README.md").read_text()
_MOST_LINES = 600
_MOST_LINES_OF_THE_EXAMPLE = 32


def test_it_is_small() -> None:
    assert sum(len(file.read_text().splitlines()) for file in FILES) < _MOST_LINES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_imports_itself_and_the_standard_library_alone(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= {"mailboxes", *sys.stdlib_module_names}


@pytest.mark.parametrize("file", [*FILES, FOLDER / "README.md"], ids=lambda file: file.name)
def test_it_has_no_word_of_this_product(file: Path) -> None:
    words = (
        r"request_id|replay|trace|conversation|whatsapp|twilio|elevenlabs"
        r"|postgres|kafka|faust|sql|phone|client"
    )
    assert re.findall(words, file.read_text(), re.IGNORECASE) == []


def test_its_name_is_not_hidden_by_the_standard_library() -> None:
    assert FOLDER.name not in sys.stdlib_module_names


def test_the_example_prints_what_it_says() -> None:
    example, printed = re.findall(r"```(?:python|text)\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= _MOST_LINES_OF_THE_EXAMPLE
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(example, "README.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own text
    assert output.getvalue() == printed


def test_the_readme_names_every_file() -> None:
    named = set(re.findall(r"`(\w+\.py)`", README))
    assert named == {file.name for file in FILES} - {"__init__.py"}
