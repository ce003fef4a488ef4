"""The chart as helm renders it is valid for Kubernetes, and values that cannot be right are refused."""

import jsonschema
import pytest

from tests.support.chart import BARE, EVERYTHING, of_kind
from tests.support.helm import (
    GIVEN,
    VERSIONS,
    Json,
    helm_template,
    merged,
    needs_helm,
    needs_schemas,
    rendered,
    validate,
)

pytestmark = needs_helm


@needs_schemas
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [GIVEN, EVERYTHING, BARE], ids=["given", "everything", "bare"])
def test_every_object_is_valid(values: Json, version: str) -> None:
    for found in rendered(values, version):
        if found["kind"] != "ServiceMonitor":  # the Prometheus operator's, no schema of Kubernetes'
            validate(found, version)


@needs_schemas
def test_what_is_not_valid_is_found() -> None:
    deployment = of_kind("Deployment")["web"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(jsonschema.ValidationError, match="readinesProbe"):
        validate(deployment, VERSIONS[0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"secret": ""}, "secret: the name of the Secret"),
        ({"image": {"repository": ""}}, "image.repository"),
        ({"settings": {"PUBLIC_BASE_URL": None}}, "missing property 'PUBLIC_BASE_URL'"),
        ({"settings": {"TWILIO_AUTH_TOKEN": "x"}}, "additional properties 'TWILIO_AUTH_TOKEN' not allowed"),
        ({"settings": {"WORKER_URLS": "-"}}, "additional properties 'WORKER_URLS' not allowed"),
        ({"settings": {"FIRST_MESSAGE_SUMMARY": True}}, "/settings/FIRST_MESSAGE_SUMMARY"),  # YAML's `on`
        ({"settings": {"TOPIC_PARTITIONS": 3}}, "maxReplicas: 4 are more than TOPIC_PARTITIONS, 3"),
        ({"worker": {"replicas": 3}}, "additional properties 'replicas' not allowed"),
        ({"ingress": {"enabled": True}}, "ingress.host"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(values: Json, said: str) -> None:
    done = helm_template(merged(GIVEN, values))
    assert done.returncode != 0
    assert said in done.stderr
