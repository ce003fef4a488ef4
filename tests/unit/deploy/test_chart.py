"""The chart's files against the settings, the image and the program, without helm."""

import json
import re

import yaml

from cli.generated import OF_THE_CHART, SECRETS, settings_schema
from schemas.settings import Settings
from streams.engine.app import DRAIN_CAP_SECONDS
from tests.support.helm import CHART, GIVEN
from tests.unit.test_metric_names import exported
from web import run as web_run

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "\n".join(file.read_text() for file in sorted((CHART / "templates").iterdir()))


def test_the_settings_that_may_be_given_are_those_there_are() -> None:
    assert SCHEMA["properties"]["settings"] == settings_schema(), "run `make api`"
    names = set(SCHEMA["properties"]["settings"]["properties"])
    assert names | SECRETS | OF_THE_CHART == {name.upper() for name in Settings.model_fields}
    assert set(GIVEN["settings"]) == set(SCHEMA["properties"]["settings"]["required"])


def test_every_value_is_in_the_schema_and_what_is_unknown_is_refused() -> None:
    assert SCHEMA["additionalProperties"] is False
    assert set(SCHEMA["properties"]) == set(VALUES) | {"global"}  # helm's own
    for name, section in VALUES.items():
        rules = SCHEMA["properties"][name]
        if isinstance(section, dict) and rules.get("properties") and name != "settings":
            assert (set(rules["properties"]), rules["additionalProperties"]) == (set(section), False), name


def test_no_secret_has_a_value_or_a_place_for_one() -> None:
    assert (VALUES["secret"], VALUES["settings"], VALUES["image"]["repository"]) == ("", {}, "")
    given = re.findall(r'"([A-Z_]+)"', " ".join(re.findall(r"range list (.*?)}}", TEMPLATES)))
    assert set(given) == SECRETS
    assert "kind: Secret" not in TEMPLATES


def test_the_time_to_drain_is_the_processes_own() -> None:
    assert VALUES["drain"]["capSeconds"] == DRAIN_CAP_SECONDS == web_run._DRAIN_SECONDS
    assert (
        SCHEMA["properties"]["drain"]["properties"]["marginSeconds"]["minimum"] == 5
    )  # as process/life.py has it


def test_workers_are_scaled_by_a_metric_that_is_exported() -> None:
    adapter = yaml.safe_load((CHART / "prometheus-adapter.yaml").read_text())
    [rule] = adapter["rules"]["external"]
    name = rule["seriesQuery"].partition("{")[0]
    assert name in exported()
    assert f"name: {name}" in (CHART / "templates" / "autoscaling.yaml").read_text()


def test_the_images_user_is_the_one_that_pods_run_as() -> None:
    dockerfile = (CHART.parent.parent / "Dockerfile").read_text()
    [user] = re.findall(r"^USER (\d+)$", dockerfile, re.M)
    assert f"--uid {user} " in dockerfile
    assert set(re.findall(r"(?:runAs\w+|fsGroup): (\d+)", TEMPLATES)) == {user}


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (CHART.parent.parent / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
