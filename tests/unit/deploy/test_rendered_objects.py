"""What surrounds the pods: scaling, budgets, who may reach whom, what is measured."""

from schemas.settings import Settings
from tests.support.chart import BARE, EVERYTHING, PORTS, of_kind
from tests.support.helm import needs_helm

pytestmark = needs_helm


def test_workers_are_scaled_by_what_waits_and_by_cpu_and_by_nothing_else() -> None:
    scaled = of_kind("HorizontalPodAutoscaler")
    assert set(scaled) == {"web", "worker"}
    [cpu, waiting] = scaled["worker"]["spec"]["metrics"]
    assert (cpu["type"], cpu["resource"]["name"]) == ("Resource", "cpu")
    assert waiting["external"]["metric"]["name"] == "whatsapp_oldest_event_seconds"
    assert scaled["worker"]["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
    [only] = of_kind("HorizontalPodAutoscaler", BARE)["worker"]["spec"]["metrics"]
    assert only == cpu
    assert "replicas" not in of_kind("StatefulSet")["worker"]["spec"], (
        "an upgrade would undo what the autoscaler did"
    )
    assert "replicas" not in of_kind("Deployment")["web"]["spec"]
    assert scaled["worker"]["spec"]["maxReplicas"] <= Settings().topic_partitions


def test_the_workers_name_means_each_of_them_also_while_it_is_not_ready() -> None:
    service, workload = of_kind("Service")["worker"], of_kind("StatefulSet")["worker"]
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert workload["spec"]["serviceName"] == service["metadata"]["name"]


def test_one_pod_of_a_process_at_a_time_is_moved_elsewhere() -> None:
    budgets = of_kind("PodDisruptionBudget")
    workloads = of_kind("Deployment") | of_kind("StatefulSet")
    assert set(budgets) == set(workloads) == set(PORTS)
    for process, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"] == workloads[process]["spec"]["selector"]


def test_only_web_is_reached_from_outside_and_metrics_by_who_is_named() -> None:
    policies = of_kind("NetworkPolicy", EVERYTHING)
    [ours, others] = policies["web"]["spec"]["ingress"]
    assert others["from"] == EVERYTHING["networkPolicy"]["webFrom"]
    for process, port in PORTS.items():
        first = policies[process]["spec"]["ingress"][0]
        assert first["ports"] == [{"port": port}]
        assert first["from"][1:] == EVERYTHING["networkPolicy"]["metricsFrom"]
    assert len(policies["worker"]["spec"]["ingress"]) == len(policies["stats-worker"]["spec"]["ingress"]) == 1
    out = policies["network"]["spec"]["egress"]
    assert {each["port"] for rule in out for each in rule.get("ports", [])} == {53, 9098, 5432, 443, 4318}
    assert set(of_kind("NetworkPolicy", BARE)) == set()


def test_what_selects_pods_finds_exactly_its_own() -> None:
    of_pods = {
        process: each["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "StatefulSet", "Job")
        for process, each in of_kind(kind).items()
    }
    for service in of_kind("Service").values():
        wanted = service["spec"]["selector"]
        found = [process for process, labels in of_pods.items() if wanted.items() <= labels.items()]
        assert found == [wanted["app.kubernetes.io/component"]]
    everybody = of_kind("NetworkPolicy")["network"]["spec"]["podSelector"]["matchLabels"]
    assert all(everybody.items() <= labels.items() for labels in of_pods.values())


def test_prometheus_reads_each_process_by_its_service() -> None:
    [monitor] = of_kind("ServiceMonitor", EVERYTHING).values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = of_kind("Service")
    assert set(services) == set(PORTS)
    assert all(wanted <= each["metadata"]["labels"].items() for each in services.values())
    [endpoint] = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    assert all(port["name"] == "http" for each in services.values() for port in each["spec"]["ports"])
    assert of_kind("ServiceMonitor") == {}


def test_from_outside_only_the_webhooks_are_reached_unless_more_is_named() -> None:
    [ingress] = of_kind("Ingress", EVERYTHING).values()
    [rule] = ingress["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/webhook/"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "wa-web", "port": {"name": "http"}}
    assert of_kind("Ingress") == {}
