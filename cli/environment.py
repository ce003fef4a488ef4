"""The environment variables with defaults and meanings, made from the settings: for `--help` and docs/configuration.md.

`python -m cli.environment docs/configuration.md` writes the page; `make api` does.
"""

import sys
from pathlib import Path

from schemas.settings import Settings

_PAGE = """# Configuration

Each process reads its settings from the environment alone, once, when it starts. An empty variable counts as not set. What
cannot be right ends the start with one line that names the variable, and exit code 2; `whatsapp-microservice doctor` says
what is missing. No secret has a default. `up` gives values of its own to what is not set and has a stand-in.

This page is made from `schemas/settings.py` by `make api`; `--help` of each command shows the same.

| variable | default | meaning |
|---|---|---|
"""


def environment_rows() -> list[tuple[str, str, str]]:
    """Give (variable, default, meaning) of each setting."""
    return [
        (name.upper(), "" if field.default is None else str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def environment_table() -> str:
    """Give the table as text; a paragraph a variable, because help pages join lines."""
    rows = [f"{name}={default}: {meaning}".replace("[", "\\[") for name, default, meaning in environment_rows()]
    return "Environment:\n\n" + "\n\n".join(rows)


def environment_page() -> str:
    """Give docs/configuration.md."""
    rows = [f"| `{name}` | {_code(default)} | {_cell(meaning)} |" for name, default, meaning in environment_rows()]
    return _PAGE + "\n".join(rows) + "\n"


def _code(default: str) -> str:
    return f"`{_cell(default)}`" if default else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(environment_page())
