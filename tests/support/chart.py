"""What the chart renders to, by the process that each part is for."""

from schemas.settings import Settings
from tests.support.helm import GIVEN, Json, merged, rendered

PORTS = {"web": Settings().port, "worker": Settings().worker_port, "stats-worker": Settings().stats_port}
PROCESSES = ("migrate", *PORTS)
EVERYTHING = merged(
    GIVEN,
    {
        "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
        "kafkaCertificates": {"secret": "kafka", "client": True},
        "ingress": {
            "enabled": True,
            "host": "wa.example.com",
            "className": "nginx",
            "tlsSecret": "tls",
            "annotations": {"a": "b"},
        },
        "networkPolicy": {
            "webFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
            "metricsFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ],
            "servers": {"ports": [9098, 5432], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
            "extraEgress": [{"ports": [{"port": 4318}]}],
        },
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    },
)
BARE = merged(
    GIVEN, {"networkPolicy": {"enabled": False}, "worker": {"autoscaling": {"oldestWaitingSeconds": 0}}}
)


def of_kind(kind: str, values: Json = GIVEN) -> dict[str, Json]:
    """Return the objects of a kind, by process."""
    found = [each for each in rendered(values) if each["kind"] == kind]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in found}


def pods(values: Json = GIVEN) -> dict[str, Json]:
    """Return each process's pod spec."""
    workloads = of_kind("Deployment", values) | of_kind("StatefulSet", values) | of_kind("Job", values)
    return {process: workload["spec"]["template"]["spec"] for process, workload in workloads.items()}


def environment(pod: Json) -> Json:
    [container] = pod["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
