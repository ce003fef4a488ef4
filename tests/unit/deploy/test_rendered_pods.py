"""The chart's pods: each process with its settings, its probes and the time it needs to end."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cli.generated import SECRETS
from cli.supervisor import _LONGEST_UNREADY_SECONDS
from schemas.settings import Settings
from streams.engine.app import DRAIN_CAP_SECONDS
from tests.support.chart import EVERYTHING, PORTS, PROCESSES, environment, of_kind, pods
from tests.support.helm import GIVEN, merged, needs_helm

pytestmark = needs_helm


def test_each_process_runs_under_its_own_command_with_the_settings_and_the_secrets_by_reference() -> None:
    numbers = {"MAX_CONNECTIONS": 3_000_000, "REPLY_QUIET_SECONDS": 1.5, "TYPING_INDICATOR": False}
    found = pods(merged(GIVEN, {"settings": numbers}))
    assert set(found) == set(PROCESSES)
    for process, pod in found.items():
        assert pod["containers"][0]["args"] == [process]
        told = environment(pod)
        assert [told[name] for name in numbers] == ["3000000", "1.5", "false"]
        assert told["STATS_URL"] == f"http://wa-stats-worker:{PORTS['stats-worker']}"
        assert told["WORKER_URLS"] == f"http://wa-worker:{PORTS['worker']}"
        for name in SECRETS:
            assert told[name]["secretKeyRef"] | {"optional": True} == {
                "name": "whatsapp",
                "key": name,
                "optional": True,
            }
        assert {name.lower() for name in told} - {"home"} <= set(Settings.model_fields)
        must = {name for name in SECRETS if "optional" not in told[name]["secretKeyRef"]}
        assert must == {"DATABASE_URL", "MICROSERVICE_TOKEN", "TWILIO_AUTH_TOKEN", "ELEVENLABS_API_KEY"}


def test_kafkas_certificates_are_files_of_a_secret() -> None:
    for pod in pods(EVERYTHING).values():
        told = environment(pod)
        [folder] = [
            each["mountPath"] for each in pod["containers"][0]["volumeMounts"] if each["name"] == "kafka"
        ]
        names = ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE")
        assert [told[name] for name in names] == [
            f"{folder}/{file}" for file in ("ca.crt", "tls.crt", "tls.key")
        ]
    assert not {name for name in environment(pods()["web"]) if name.startswith("KAFKA_SSL")}


def test_a_process_has_no_privileges_to_lose_and_no_variables_of_other_services() -> None:
    for pod in pods().values():
        assert pod["enableServiceLinks"] is False, "WORKER_PORT=tcp://… of a service named `worker`"
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {each["mountPath"] for each in container["volumeMounts"]} == {"/tmp"}


@pytest.mark.parametrize("process", PORTS)
def test_a_process_is_looked_at_where_it_answers_and_ends_in_its_own_time(process: str) -> None:
    pod = pods()[process]
    [container] = pod["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": PORTS[process]}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/live", "port": "http"}
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] - before >= DRAIN_CAP_SECONDS + 5
    assert (before > 0) == (process == "web")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/ready"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "is_alive"),
    [
        (200, b'{"ready": true, "restart_helps": false}', True),
        (503, b'{"ready": false, "restart_helps": false}', True),  # Kafka is away
        (503, b'{"ready": false, "restart_helps": true}', False),
    ],
)
def test_a_worker_is_started_anew_only_where_that_helps(status: int, body: bytes, *, is_alive: bool) -> None:
    probe = pods()["worker"]["containers"][0]["livenessProbe"]
    name, *rest = probe["exec"]["command"]
    assert name == "python"
    with answering(status, body) as port:
        here = [sys.executable, *(each.replace(":6066/", f":{port}/") for each in rest)]
        assert (subprocess.run(here, capture_output=True, check=False).returncode == 0) is is_alive
    assert (probe["failureThreshold"] - 1) * probe["periodSeconds"] >= _LONGEST_UNREADY_SECONDS


def test_migrate_runs_before_anything_of_the_release() -> None:
    job = of_kind("Job")["migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["serviceAccountName"] == "default", "nothing that a hook would have to wait for"
