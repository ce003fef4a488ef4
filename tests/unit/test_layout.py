"""The layout's rules: who may import whom, where SQL lives, and that the README tells of every command."""

import ast
import re
from pathlib import Path

import pytest
import typer

from cli.main import app

ROOT = Path(__file__).parent.parent.parent
MAY_IMPORT = {
    "schemas": set(),
    "db": {"schemas"},
    "streams": {"schemas", "db"},
    "web": {"schemas", "db"},
    "local": {"schemas", "db", "streams", "web"},
    "cli": {"schemas", "db", "streams", "web", "local"},
}


def _imported(file: Path) -> set[str]:
    """Give the top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_flow_one_way(folder: str) -> None:
    forbidden = {*MAY_IMPORT, "tests"} - MAY_IMPORT[folder] - {folder}
    wrong = {str(file.relative_to(ROOT)): both for file in (ROOT / folder).rglob("*.py")
             if (both := _imported(file) & forbidden)}  # fmt: skip
    assert wrong == {}


@pytest.mark.parametrize("file", sorted((ROOT / "streams" / "conversation").glob("*.py")), ids=lambda file: file.stem)
def test_the_rules_of_a_conversation_are_pure(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert not any(isinstance(node, ast.Await | ast.AsyncFunctionDef) for node in ast.walk(tree))
    assert not _imported(file) & {"asyncio", "socket", "aiohttp", "asyncpg", "aiokafka", "faust", "time"}


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {name for name in commands if not re.search(rf"`(whatsapp-microservice )?{name}\b", text)} == set()
