"""Writes the files made from the models and the settings: `python -m cli.generated`, which is `make api`.

They are the documents of topics and HTTP (`docs/api`), the variables (`docs/configuration.md`,
`.env.example`), and the part of the Helm chart's schema that names the settings.
"""

import json
from pathlib import Path
from typing import Any

from cli.environment import environment_example, environment_page
from schemas.asyncapi import documents
from schemas.secret import SecretText
from schemas.settings import Settings
from web.openapi import openapi

# Variables that the chart itself gives every process.
OF_THE_CHART = frozenset(
    {
        "BIND_HOST",
        "PORT",
        "WORKER_PORT",
        "STATS_PORT",
        "STATS_URL",
        "WORKER_URLS",
        "KAFKA_EMBEDDED",
        "PHONE_URL",
    }
    | {"KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"}
)
# Nothing can run in production without these.
_REQUIRED = ("PUBLIC_BASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TWILIO_ACCOUNT_SID", "TWILIO_WHATSAPP_FROM")
_KEPT = ("type", "enum", "minimum", "exclusiveMinimum", "maximum", "pattern")
SECRETS = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if field.annotation in (SecretText, SecretText | None)
)

Json = dict[str, Any]


def settings_schema() -> Json:
    """Return the schema of the values' `settings`: all variables but secrets and the chart's own."""
    every = Settings.model_json_schema()["properties"]
    left = {
        name.upper(): rules for name, rules in every.items() if name.upper() not in SECRETS | OF_THE_CHART
    }
    return {
        "type": "object",
        "required": list(_REQUIRED),
        "additionalProperties": False,
        "properties": {name: _rules(rules) for name, rules in left.items()},
    }


def _rules(rules: Json) -> Json:
    """Return a variable's rules. One that may be missing has two kinds, the second of which is null."""
    kind = rules["anyOf"][0] if "anyOf" in rules else rules
    return {name: kind[name] for name in _KEPT if name in kind}


def all_documents() -> dict[str, Json]:
    """Return the documents of topics and HTTP by their files' names."""
    return documents() | {"openapi.json": openapi()}


def text_of(document: Json) -> str:
    """Return a document as it is stored in its folder: readable, and the same each time."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(root: Path) -> None:
    """Write all files below the tree's root."""
    for name, document in all_documents().items():
        (root / "docs" / "api" / name).write_text(text_of(document))
    (root / "docs" / "configuration.md").write_text(environment_page())
    (root / ".env.example").write_text(environment_example())
    chart = root / "deploy" / "helm" / "values.schema.json"
    schema = json.loads(chart.read_text())
    schema["properties"]["settings"] = settings_schema()
    chart.write_text(text_of(schema))


if __name__ == "__main__":
    write(Path())
