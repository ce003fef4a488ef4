"""The layout's rules: who may import whom, where SQL lives, and that the README names every command."""

import ast
import re
from pathlib import Path

import pytest
import typer

from cli.main import app

ROOT = Path(__file__).parent.parent.parent
MAY_IMPORT = {
    "schemas": set(),
    "rules": {"schemas"},
    "mailboxes": set(),
    "clients": {"schemas"},
    "db": {"schemas"},
    "process": {"schemas", "clients", "db"},
    "streams": {"schemas", "rules", "mailboxes", "clients", "db", "process"},
    "web": {"schemas", "clients", "db", "process"},
    "local": {"schemas", "rules", "clients", "db", "process", "streams", "web"},
    "cli": {"schemas", "rules", "clients", "db", "process", "streams", "web", "local"},
}
# As streams/README.md has it.
WITHIN_STREAMS = {
    "engine": set(),
    "actors": {"engine", "failpoints", "metrics"},
    "replay": {"actors", "engine"},
    "worker": {"actors", "engine", "html", "metrics"},
    "stats": {"engine", "html"},
}


def _imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports, anywhere in it."""
    return {module.partition(".")[0] for module in _modules(file)}


def _modules(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_flow_one_way(folder: str) -> None:
    forbidden = {*MAY_IMPORT, "tests"} - MAY_IMPORT[folder] - {folder}
    wrong = {
        str(file.relative_to(ROOT)): both
        for file in (ROOT / folder).rglob("*.py")
        if (both := _imported(file) & forbidden)
    }
    assert wrong == {}


@pytest.mark.parametrize("folder", WITHIN_STREAMS)
def test_imports_within_streams_flow_as_its_readme_says(folder: str) -> None:
    modules = {module for file in (ROOT / "streams" / folder).rglob("*.py") for module in _modules(file)}
    within = {module.split(".")[1] for module in modules if module.startswith("streams.")}
    assert within - {folder} <= WITHIN_STREAMS[folder]


def test_every_folder_has_a_readme_that_says_who_imports_it() -> None:
    for folder in (*MAY_IMPORT, "tests"):
        text = (ROOT / folder / "README.md").read_text()
        assert re.search(r"\b(imports?|imported)\b", text, re.IGNORECASE), folder


@pytest.mark.parametrize("file", sorted((ROOT / "rules").glob("*.py")), ids=lambda file: file.stem)
def test_the_rules_of_a_conversation_are_pure(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert not any(isinstance(node, ast.Await | ast.AsyncFunctionDef) for node in ast.walk(tree))
    assert not _imported(file) & {"asyncio", "socket", "aiohttp", "asyncpg", "aiokafka", "faust", "time"}


# What a worker's heart is made of: `tests/universe` plays it on simulated ports, in virtual time.
_PORTS_ALONE = ("rules", "mailboxes", "streams/actors", "streams/worker/heart.py")
_EDGES = {"faust", "aiokafka", "asyncpg", "uvloop", "socket", "ssl"}
_OF_TIME_AND_CHANCE = re.compile(
    r"\b(time\.(time|monotonic|perf_counter|sleep)|clock_gettime"
    r"|datetime\.(now|today|utcnow)|date\.today|os\.urandom"
    r"|random\.\w+|secrets\.\w+|uuid[14]|documents import .*\bnow)\b\(?"
)
# As a default of an argument, or in a clock that is one.
_MAY_NAME = {
    "rules/draft.py": {"random.random"},
    "mailboxes/shards.py": {"uuid4", "uuid4("},
    "streams/actors/clock.py": {"clock_gettime("},
    "streams/actors/ids.py": {"uuid4"},
    "streams/actors/ownership.py": {"time.monotonic"},
    "streams/worker/heart.py": {"time.monotonic", "uuid4"},
}


def _hearts_files() -> list[Path]:
    paths = [ROOT / each for each in _PORTS_ALONE]
    return sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))


@pytest.mark.parametrize("file", _hearts_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_workers_heart_knows_ports_alone_and_is_told_time_and_chance(file: Path) -> None:
    assert not _imported(file) & _EDGES
    named = {found[0] for found in _OF_TIME_AND_CHANCE.finditer(file.read_text())}
    assert named <= _MAY_NAME.get(str(file.relative_to(ROOT)), set())


# `local/postgres` makes the embedded server's database.
_KNOWS_THE_DRIVER = ("db", "local")


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT.keys() - {*_KNOWS_THE_DRIVER}))
def test_no_record_of_the_driver_leaves_db(folder: str) -> None:
    for file in (ROOT / folder).rglob("*.py"):
        assert "asyncpg" not in _imported(file), file
        assert not re.search(r"(pool|connection)\.fetch(row)?\(", file.read_text()), file


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {
        name for name in commands if not re.search(rf"`(whatsapp-microservice )?{name}(?![\w-])", text)
    } == set()


def test_each_client_of_the_acceptance_tests_belongs_to_one_file() -> None:
    """Files share a running stack, in any order; only a conftest's clients are for all below it."""
    files: dict[str, set[str]] = {}
    for file in (ROOT / "tests" / "acceptance").rglob("test_*.py"):
        for number in set(re.findall(r"\+57\d{10}", file.read_text())) - _shared(file.parent):
            files.setdefault(number, set()).add(str(file.relative_to(ROOT)))
    assert {number: those for number, those in files.items() if len(those) > 1} == {}


def _shared(folder: Path) -> set[str]:
    conftest = folder / "conftest.py"
    return set(re.findall(r"\+57\d{10}", conftest.read_text())) if conftest.exists() else set()
