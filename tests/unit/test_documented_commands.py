"""Every documented command exists: make targets, the program's commands and options, routes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli.main import app
from tests.support.gateway import Fakes, gateway
from tests.support.up import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / ".ci" / "run",
    *sorted(ROOT.glob("*/**/README.md")),
]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PROGRAM = typer.main.get_command(app)
# What a command prints is marked as text.
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:make|whatsapp-microservice|\.venv/bin/\S+) [^`]+)`")


def _commands(first: str) -> list[tuple[str, str]]:
    return [
        (page.name, line)
        for page in _pages()
        for line in _lines(page.read_text())
        if _words(line)[0] == first
    ]


def _pages() -> Iterator[Path]:
    return (
        page
        for page in PAGES
        if not {".venv", ".kafka", ".helm", "node_modules"} & set(page.relative_to(ROOT).parts)
    )


def _lines(text: str) -> Iterator[str]:
    for kind, block in _BLOCK.findall(text):
        if kind == "text":
            continue
        yield from (line for line in block.replace("\\\n", " ").splitlines() if _words(line))
    yield from (line for line in _INLINE.findall(text) if _words(line))


def _words(line: str) -> list[str]:
    """Return a line's words, without a prompt, variables before the command, and the path of the program."""
    try:
        words = shlex.split(line.removeprefix("$ "), comments=True)
    except ValueError:  # a picture, or prose with an apostrophe
        return []
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    return [words[0].removeprefix(".venv/bin/"), *words[1:]] if words else []


def test_make_targets_are_there() -> None:
    told = _commands("make")
    assert told
    wrong = [
        (page, line)
        for page, line in told
        if not {word for word in _words(line)[1:] if "=" not in word} <= TARGETS
    ]
    assert wrong == []


@pytest.mark.parametrize(("page", "line"), _commands("whatsapp-microservice"))
def test_the_programs_commands_and_options_are_there(page: str, line: str) -> None:
    command, words = PROGRAM, _words(line)[1:]
    while hasattr(command, "commands"):
        if not words or words[0] in ("…", "--help"):  # the group itself is meant
            return
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    known = {"--help"} | {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, f"{page}: {line}"


def test_other_programs_of_the_environment_are_of_the_requirements() -> None:
    pins = (ROOT / "requirements" / "dev.txt").read_text()
    other = {
        _words(line)[0] for page in _pages() for line in _lines(page.read_text()) if ".venv/bin/" in line
    }
    assert [
        name for name in other - {"whatsapp-microservice", "python", "pip"} if f"\n{name}==" not in pins
    ] == []


async def test_routes_of_curl_are_there() -> None:
    async with gateway(Fakes()) as client:
        assert client.app is not None
        served = [route.resource for route in client.app.router.routes() if route.resource is not None]
        patterns = [
            re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(resource.canonical))) for resource in served
        ]
    lines = [(page, line) for page, line in _commands("curl") if "/_sim/" not in line]
    paths = {
        (page, path)
        for page, line in lines
        for path in re.findall(r"(?:localhost|127\.0\.0\.1):3001(/[^\s?'\"]*)", line)
    }
    assert {found for found in paths if not any(pattern.fullmatch(found[1]) for pattern in patterns)} == set()
