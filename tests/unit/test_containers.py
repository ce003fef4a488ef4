"""`docker-compose.yml` and `Dockerfile` against the settings, the commands and the files they name."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from schemas.settings import Settings

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


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_watched_and_ends_gracefully(name: str) -> None:
    service = OURS[name]
    assert f"127.0.0.1:{PROCESSES[name]}/ready" in service["healthcheck"]["test"][-1]
    assert int(service["stop_grace_period"].rstrip("s")) > 15
    assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_only_the_gateway_is_reached_from_outside() -> None:
    assert {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service} == {
        "web": [f"{PROCESSES['web']}:{PROCESSES['web']}"]
    }


def test_no_secret_has_a_value_or_a_default() -> None:
    secrets = re.compile("TOKEN|PASSWORD|API_KEY|ACCOUNT_SID")
    for service in COMPOSE["services"].values():
        for variable, value in service["environment"].items():
            if secrets.search(variable):
                assert value == f"${{{variable}:?}}", variable


def test_images_are_pinned_by_tag() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert all(re.search(r":[\w.-]*\d", image) for image in images), images


def test_the_image_has_all_packages_by_hash_and_runs_as_nobody_special() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    sources = [source for line in copied for source in line.split()]
    assert all((ROOT / source).exists() for source in sources)
    assert {"schemas", "db", "streams", "web", "local", "cli"} <= set(sources)
    assert "--require-hashes -r requirements/runtime.txt" in DOCKERFILE
    last = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert re.search(r"^USER (?!root)\w+$", last, re.M)
    assert 'ENTRYPOINT ["whatsapp-microservice"]' in last
