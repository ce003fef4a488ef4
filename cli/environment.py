"""The environment variables with their defaults and meanings, made from the settings.

For `--help`, and for docs/configuration.md and `.env.example`, which `cli.generated` writes.
"""

from schemas.settings import Settings

_PAGE = """# Configuration

Each process reads its settings from the environment alone, once, when it starts. \
An empty variable counts as not set. What
cannot be right ends the start with one line that names the variable, and exit code 2; \
`whatsapp-microservice doctor` says
what is missing. No secret has a default. `up` gives values of its own to what is not set and has a stand-in.

This page is made from `schemas/settings.py` by `make api`; `--help` of each command shows the same.

| variable | default | meaning |
|---|---|---|
"""

_EXAMPLE = """\
# Copy to `.env`, which `docker-compose.yml` reads. It needs POSTGRES_PASSWORD, MICROSERVICE_TOKEN, \
TWILIO_ACCOUNT_SID,
# TWILIO_AUTH_TOKEN, TWILIO_WHATSAPP_FROM, ELEVENLABS_API_KEY and PUBLIC_BASE_URL, and has its own Kafka and
# Postgres; all else is optional. What is commented out shows its default. Made from `schemas/settings.py` by
# `make api`.

# The password that Postgres is set up with by `docker-compose.yml`.
POSTGRES_PASSWORD=

# Where `docker-compose.yml` publishes web: on the machine itself, for a proxy with TLS (ops/nginx.conf).
#PUBLISHED_ON=127.0.0.1

# The image's base, by its digest: python:3.11-slim-bookworm@sha256:…
#PYTHON_IMAGE=python:3.11-slim-bookworm
"""


def environment_rows() -> list[tuple[str, str, str]]:
    """Return (variable, default, meaning) of each setting."""
    return [
        (name.upper(), "" if field.default is None else str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def environment_table() -> str:
    """Return the variables as text, each in its own paragraph because help pages join lines."""
    rows = [
        f"{name}={default}: {meaning}".replace("[", "\\[") for name, default, meaning in environment_rows()
    ]
    return "Environment:\n\n" + "\n\n".join(rows)


def environment_page() -> str:
    """Return docs/configuration.md."""
    rows = [
        f"| `{name}` | {_code(default)} | {_cell(meaning)} |" for name, default, meaning in environment_rows()
    ]
    return _PAGE + "\n".join(rows) + "\n"


def environment_example() -> str:
    """Return `.env.example`, with no values but the defaults, so that it cannot contain a secret."""
    lines = [
        f"\n# {meaning}\n{f'#{name}={default}' if default else f'{name}='}\n"
        for name, default, meaning in environment_rows()
    ]
    return _EXAMPLE + "".join(lines)


def _code(default: str) -> str:
    return f"`{_cell(default)}`" if default else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
