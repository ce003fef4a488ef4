"""The chart as helm renders it, and Kubernetes' own schemas to judge that by. `make helm` brings both."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.support.up import ROOT

Json = dict[str, Any]
CHART = ROOT / "deploy" / "helm"
_MADE = ROOT / ".helm"
HELM = shutil.which("helm", path=f"{_MADE / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
_SCHEMAS = _MADE / "schemas" / "kubernetes_validate" / "kubernetes-json-schema"
_IS_REQUIRED = bool(os.environ.get("REQUIRE_HELM"))
needs_helm = pytest.mark.skipif(
    HELM is None and not _IS_REQUIRED, reason="no helm, the chart is not rendered: `make helm`"
)
needs_schemas = pytest.mark.skipif(
    not (_SCHEMAS.exists() or _IS_REQUIRED),
    reason="no Kubernetes schemas, the chart is not validated: `make helm`",
)
# The oldest Kubernetes the chart supports, and the newest that has schemas.
VERSIONS = ("1.30.0", "1.37.0")
# The least that must be given.
GIVEN: Json = {
    "image": {"repository": "registry.example.com/whatsapp-microservice"},
    "secret": "whatsapp",
    "settings": {
        "PUBLIC_BASE_URL": "https://wa.example.com",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_WHATSAPP_FROM": "whatsapp:+573000000000",
    },
}


def helm_template(values: Json, version: str = VERSIONS[0]) -> subprocess.CompletedProcess[str]:
    """Render the chart as release `wa`."""
    assert HELM is not None, "REQUIRE_HELM, and there is no helm"
    command = [HELM, "template", "wa", str(CHART), "--kube-version", version, "--values", "-"]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def rendered(values: Json, version: str = VERSIONS[0]) -> list[Json]:
    """Return the objects that the chart renders to."""
    done = helm_template(values, version)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def merged(*values: Json) -> Json:
    """Merge values as helm merges files: later ones win."""
    found: Json = {}
    for each in values:
        for name, value in each.items():
            both = isinstance(value, dict) and isinstance(found.get(name), dict)
            found[name] = merged(found[name], value) if both else value
    return found


def validate(found: Json, version: str) -> None:
    """Validate an object against that Kubernetes' schema, which refuses unknown keys.

    Raises:
        jsonschema.ValidationError: says where and why.
    """
    group, _, api = found["apiVersion"].rpartition("/")
    name = f"{found['kind']}-{group.partition('.')[0]}-{api}" if group else f"{found['kind']}-{api}"
    folder = _SCHEMAS / f"v{version}-local-strict"
    registry: Registry[Json] = Registry().with_resource("_definitions.json", _definitions(folder))
    schema = json.loads((folder / f"{name.lower()}.json").read_text())
    jsonschema.Draft202012Validator(schema, registry=registry).validate(found)


@cache
def _definitions(folder: Path) -> Resource[Json]:
    return DRAFT202012.create_resource(json.loads((folder / "_definitions.json").read_text()))
