"""The dashboard and the alert rules use only exported metrics, and no metric names a person."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from schemas.topics import INBOUND_MESSAGE
from schemas.twilio_codes import template_codes

_MODULES = (
    "streams.metrics",
    "process.metrics",
    "process.metrics",
    "streams.stats.counting",
    "web.metrics",
    "db.pool",
    "clients.kafka.closed_connections",
)
for _module in _MODULES:
    import_module(_module)  # registers its metrics
_OPS = Path(__file__).parents[2] / "ops"
_NAME = re.compile(r"\b(?:whatsapp|web)_[a-z_]+\b")
_LABELS = {
    "kind",
    "outcome",
    "step",
    "vendor",
    "operation",
    "code",
    "found",
    "topic",
    "stored_in",
    "route",
    "scope",
    "status",
    "type",
}


def exported() -> set[str]:
    """Every name that a scrape may show: a labelled metric has no sample before its first use."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {f.name + suffix for f in REGISTRY.collect() for suffix in suffixes.get(f.type, ("",))}


def expressions() -> Iterator[str]:
    for panel in json.loads((_OPS / "grafana.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((_OPS / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_uses_exported_metrics(expression: str) -> None:
    used = set(_NAME.findall(expression))
    assert used
    assert used <= exported()


def rule(alert: str) -> str:
    [group] = yaml.safe_load((_OPS / "alerts.yaml").read_text())["groups"]
    return str(next(each["expr"] for each in group["rules"] if each["alert"] == alert))


def test_the_templates_alert_looks_for_every_code_that_is_about_one() -> None:
    listed = re.findall(r'code=~"([0-9|]+)"', rule("TemplateRefused"))
    assert len(listed) == 2
    assert {frozenset(each.split("|")) for each in listed} == {template_codes()}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("whatsapp_dead_letters_total", {"topic": INBOUND_MESSAGE}),
        ("whatsapp_undelivered_total", {"code": "63027"}),
        ("web_events_total", {"topic": INBOUND_MESSAGE, "stored_in": "nowhere"}),
    ],
)
def test_what_alerts_count_is_there_before_it_first_happens(name: str, labels: dict[str, str]) -> None:
    assert REGISTRY.get_sample_value(name, labels) is not None


def test_every_alert_says_what_to_do() -> None:
    for group in yaml.safe_load((_OPS / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert {"summary", "action"} <= rule["annotations"].keys(), rule["alert"]


def test_labels_are_few_and_known() -> None:
    ours = [
        c
        for c in {*REGISTRY._collector_to_names}
        if getattr(c, "_name", "").startswith(("whatsapp_", "web_"))
    ]
    assert {label for collector in ours for label in collector._labelnames} <= _LABELS
