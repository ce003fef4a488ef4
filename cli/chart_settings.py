"""The part of the Helm chart's schema that names the settings, made from `schemas/settings.py`.

`python -m cli.chart_settings deploy/helm/values.schema.json` writes it; `make api` does.
"""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.secret import SecretText
from schemas.settings import Settings

# What the chart itself gives every process.
OF_THE_CHART = frozenset(
    {"BIND_HOST", "PORT", "WORKER_PORT", "STATS_PORT", "STATS_URL", "WORKER_URLS", "KAFKA_EMBEDDED", "PHONE_URL"}
    | {"KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"}
)
# Without these nothing can be in production.
_REQUIRED = ("PUBLIC_BASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TWILIO_ACCOUNT_SID", "TWILIO_WHATSAPP_FROM")
_KEPT = ("type", "enum", "minimum", "exclusiveMinimum", "maximum", "pattern")
SECRETS = frozenset(
    name.upper()
    for name, field in Settings.model_fields.items()
    if field.annotation in (SecretText, SecretText | None)
)  # fmt: skip

Json = dict[str, Any]


def settings_schema() -> Json:
    """Return the schema of the values' `settings`: each variable that is no secret and not the chart's own."""
    every = Settings.model_json_schema()["properties"]
    left = {name.upper(): rules for name, rules in every.items() if name.upper() not in SECRETS | OF_THE_CHART}
    return {
        "type": "object",
        "required": list(_REQUIRED),
        "additionalProperties": False,
        "properties": {name: _rules(rules) for name, rules in left.items()},
    }


def _rules(rules: Json) -> Json:
    """A variable that may be missing has two kinds, of which the second is null."""
    kind = rules["anyOf"][0] if "anyOf" in rules else rules
    return {name: kind[name] for name in _KEPT if name in kind}


if __name__ == "__main__":
    page = Path(sys.argv[1])
    schema = json.loads(page.read_text())
    schema["properties"]["settings"] = settings_schema()
    page.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
