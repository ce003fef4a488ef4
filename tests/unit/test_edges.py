"""Only the edges know Faust, aiokafka and asyncpg, and only they read time or randomness directly.

Everything else gets these as arguments, which are ports, so that `tests/universe` can play it in virtual
time. The real ones are the default of an argument or of a dataclass field.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("schemas", "rules", "mailboxes", "clients", "db", "process", "streams", "web", "local", "cli")
# Folders and files.
MAY_IMPORT = {
    "faust": (
        *("streams/engine", "streams/worker/run.py", "streams/worker/views.py"),
        *("streams/stats/app.py", "streams/stats/changelog.py", "streams/stats/live.py"),
    ),
    "mode": ("streams/engine", "streams/worker", "streams/stats/app.py"),
    "aiokafka": (
        *("clients/kafka", "local/kafka", "cli", "streams/engine", "streams/replay/reader.py"),
        *(
            "streams/stats/changelog.py",
            "streams/stats/changes.py",
            "streams/stats/event_log.py",
            "streams/stats/queue.py",
        ),
        *("web/dead_letters/index.py", "web/kafka_link.py"),
    ),
    # Beside the pool: whose errors are told apart, whose rows are read.
    "asyncpg": (
        *("db", "local/postgres", "cli", "process/postgres.py", "web/database.py", "web/notifications.py"),
        *("streams/stats/postgres.py", "streams/stats/queue.py", "streams/stats/upkeep.py"),
    ),
    "uvloop": ("cli/process.py",),
    "socket": (
        "process",
        "local",
        "cli",
        "streams/stats/run.py",
        "streams/engine",
        "clients",
        "streams/worker",
    ),
}
# Programs, stand-ins and pages are edges as a whole. Of the rest each file says why.
MAY_READ = {
    "cli": "programs",
    "local": "stand-ins of vendors and servers",
    "process": "programs' lives",
    "web/ops": "pages",
    "web/dead_letters": "pages and what operators do there",
    "schemas/documents.py": "the clock itself",
    "streams/actors/clock.py": "the clock itself",
    "streams/stats/run.py": "a composition root",
    "clients/elevenlabs/websocket.py": "a socket",
    "clients/http.py": "what a server calls a date is an age here",
    "db/migrations/run.py": "a migration",
    "db/upgrade/write.py": "a migration",
    "db/store/placement.py": "a claim of nobody's, by a command",
    "streams/replay/rebuild.py": "a command",
    "streams/stats/check.py": "a command",
    "streams/stats/queue.py": "asks Postgres for the day's events",
    "streams/worker/progress.py": "a watchdog of this very process",
    "streams/worker/views.py": "pages",
    "web/metrics.py": "measures requests",
    "web/health.py": "how long this process has run",
    "web/middlewares.py": "names requests",
}
_TIME_AND_CHANCE = re.compile(
    r"time\.(time|monotonic|perf_counter|sleep|clock_gettime)(_ns)?"
    r"|datetime\.datetime\.(now|today|utcnow)|datetime\.date\.today"
    r"|os\.urandom|random\.\w+|secrets\.\w+|uuid\.uuid[14]|schemas\.documents\.now"
)
_WITHOUT_CHANCE = {"random.Random", "secrets.compare_digest"}


def _files() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _is_of(file: Path, places: object) -> bool:
    assert isinstance(places, tuple | dict)
    return any(_name(file) == each or _name(file).startswith(f"{each}/") for each in places)


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_only_edges_import(library: str) -> None:
    importing = {
        _name(file)
        for file in _files()
        if library in _libraries(file) and not _is_of(file, MAY_IMPORT[library])
    }
    assert importing == set()


def test_only_edges_read_the_time_and_draw_chance() -> None:
    reading = {
        _name(file): found for file in _files() if not _is_of(file, MAY_READ) and (found := list(_read(file)))
    }
    assert reading == {}


@pytest.mark.parametrize("place", sorted(MAY_READ))
def test_an_edge_that_is_named_reads_them(place: str) -> None:
    assert any(list(_read(file)) for file in _files() if _is_of(file, (place,)))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ndef f():\n    return time.time()", ["time.time"]),
        (
            "from time import monotonic as m\nclass A:\n    def f(self):\n        return m()",
            ["time.monotonic"],
        ),
        ("from datetime import datetime\nx = datetime.now()", ["datetime.datetime.now"]),
        ("import random\nasync def f():\n    await g(random.random)", ["random.random"]),
        ("from schemas.documents import now\ndef f(now=now):\n    return now()", []),
        ("import time\nclass A:\n    steady: object = time.monotonic", []),
        ("from uuid import uuid4\ndef f(*, new_id=uuid4):\n    def g():\n        return new_id()", []),
        ("import random\ndef f(chance: random.Random): ...", []),
    ],
)
def test_a_read_is_found(source: str, found: list[str]) -> None:
    assert list(_reads(ast.parse(source))) == found


def _libraries(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {each.partition(".")[0] for each in modules}


def _read(file: Path) -> Iterator[str]:
    return _reads(ast.parse(file.read_text()))


def _reads(tree: ast.AST) -> Iterator[str]:
    """Return what is named of time and chance, but as a default."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    yield from _named(tree, imported)


def _named(node: ast.AST, imported: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = node.args
        own = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        imported = {name: whole for name, whole in imported.items() if name not in own}
        body = node.body if isinstance(node.body, list) else [node.body]
        for each in (*body, *getattr(node, "decorator_list", ())):
            yield from _named(each, imported)
        return
    if isinstance(node, ast.AnnAssign) and (whole := _whole(node.value, imported)):
        return
    if (whole := _whole(node, imported)) is not None:
        yield whole
        return
    for child in ast.iter_child_nodes(node):
        yield from _named(child, imported)


def _whole(node: ast.AST | None, imported: dict[str, str]) -> str | None:
    """Return the whole name of what time or chance is read by, if that is what a node names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imported:
        return None
    name = ".".join([imported[node.id], *parts])
    return name if _TIME_AND_CHANCE.fullmatch(name) and name not in _WITHOUT_CHANCE else None
