"""docs/configuration.md, `.env.example` and each command's `--help` describe the variables as they are."""

import re

import pytest
import typer
from typer.testing import CliRunner

from cli.environment import environment_example, environment_page
from cli.main import app
from schemas.settings import Settings
from tests.support.up import ROOT

COMMANDS = [
    [name, *below]
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    for below in ([[sub] for sub in command.commands] if hasattr(command, "commands") else [[]])
]
OF_COMPOSE = {"POSTGRES_PASSWORD", "PUBLISHED_ON", "PYTHON_IMAGE"}
VARIABLES = {name.upper() for name in Settings.model_fields}


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == environment_page(), "run `make api`"
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == VARIABLES


def test_the_example_is_current_and_has_no_value_but_the_defaults() -> None:
    example = (ROOT / ".env.example").read_text()
    assert example == environment_example(), "run `make api`"
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == VARIABLES | OF_COMPOSE
    assert re.findall(r"^[A-Z_]+=.+", example, re.MULTILINE) == []


def test_the_readme_leads_to_it() -> None:
    assert "(docs/configuration.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_every_variable(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], terminal_width=120)
    assert shown.exit_code == 0
    assert set(re.findall(r"\b([A-Z][A-Z_]+)=", shown.output)) >= VARIABLES
