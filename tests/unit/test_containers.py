"""`docker-compose.yml` and `Dockerfile` against the settings, the commands and the files they name."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from schemas.settings import Settings
from tests.support.processes import PORTS

ROOT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROCESSES = {"web": Settings().port, "worker": Settings().worker_port, "stats-worker": Settings().stats_port}
OURS = {name: COMPOSE["services"][name] for name in ("migrate", *PROCESSES)}


@pytest.mark.parametrize("name", OURS)
def test_a_process_is_configured_by_settings_that_exist(name: str) -> None:
    assert {variable.lower() for variable in OURS[name]["environment"]} <= set(Settings.model_fields)
    assert OURS[name]["command"] == [name]
    assert name in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OURS)
def test_no_variable_of_the_file_moves_a_process_from_where_it_is_looked_for(name: str) -> None:
    set_to = OURS[name]["environment"]
    assert {set_to[port]: PROCESSES[process] for process, port in PORTS.items()} == {
        str(port): port for port in PROCESSES.values()
    }
    assert set_to["BIND_HOST"] == ""


@pytest.mark.parametrize("name", OURS)
def test_a_process_is_given_whatever_the_environments_file_sets(name: str) -> None:
    assert OURS[name]["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_watched_and_ends_gracefully(name: str) -> None:
    service = OURS[name]
    assert f"127.0.0.1:{PROCESSES[name]}/ready" in service["healthcheck"]["test"][-1]
    assert int(service["stop_grace_period"].rstrip("s")) > 15
    assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_only_the_gateway_is_reached_from_outside() -> None:
    assert {
        name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service
    } == {"web": [f"${{PUBLISHED_ON:-127.0.0.1}}:${{PORT:-{PROCESSES['web']}}}:{PROCESSES['web']}"]}


def test_no_secret_has_a_value_or_a_default() -> None:
    secrets = re.compile("TOKEN|PASSWORD|API_KEY|ACCOUNT_SID")
    for service in COMPOSE["services"].values():
        for variable, value in service["environment"].items():
            if secrets.search(variable):
                assert value == f"${{{variable}:{'-' if variable.endswith('_SECONDARY') else '?'}}}", variable


def test_a_process_has_no_privileges_to_lose() -> None:
    for service in OURS.values():
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore"])
def test_secrets_of_this_machine_go_into_no_repository_and_no_image(name: str) -> None:
    assert ".env" in (ROOT / name).read_text().splitlines()


def test_the_base_image_may_be_given_by_its_digest() -> None:
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"${PYTHON_IMAGE}"}
    [default] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.M)
    for service in OURS.values():
        assert service["build"]["args"]["PYTHON_IMAGE"] == f"${{PYTHON_IMAGE:-{default}}}"


def test_images_are_pinned_by_tag() -> None:
    named = re.findall(r"^ARG \w+_IMAGE=(\S+)", DOCKERFILE, re.M)
    images = [service["image"] for service in COMPOSE["services"].values()] + named
    assert all(re.search(r":[\w.-]*\d", image) for image in images), images


def test_the_image_has_all_packages_by_hash_and_runs_as_nobody_special() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    sources = [source for line in copied for source in line.split()]
    assert all((ROOT / source).exists() for source in sources)
    assert {"schemas", "clients", "process", "db", "streams", "web", "local", "cli"} <= set(sources)
    assert "--require-hashes -r requirements/runtime.txt" in DOCKERFILE
    last = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert re.search(r"^USER (?!root)\w+$", last, re.M)
    assert 'ENTRYPOINT ["whatsapp-microservice"]' in last


def test_the_proxy_leads_to_what_is_there_and_hides_the_rest() -> None:
    text = (ROOT / "ops" / "nginx.conf").read_text()
    paths = re.findall(r"^    location (\S+) ", text, re.M)
    assert paths == ["/", "/webhook/", "/api/", "/ops", "/ops/live"], "no views, no metrics"
    assert set(re.findall(r"proxy_pass (\S+);", text)) == {f"http://127.0.0.1:{PROCESSES['web']}"}
    assert "X-Forwarded-For $remote_addr" in text, "what a client says of itself does not count"
