"""The documents of topics and HTTP are current, valid, and true of recorded events of every version."""

import json
from pathlib import Path
from typing import get_args

import pytest
from aiohttp import web
from jsonschema import Draft7Validator, Draft202012Validator

from cli.generated import all_documents, text_of
from schemas.asyncapi import MODELS, asyncapi
from schemas.commands import ConversationCommand, OperatorCommand
from schemas.errors import InvalidInput
from tests.support.gateway import Fakes, gateway
from web.openapi import openapi

ROOT = Path(__file__).parent.parent.parent
RECORDED = sorted((ROOT / "tests" / "unit" / "recorded").glob("*.jsonl"))


def test_the_documents_are_current() -> None:
    folder = ROOT / "docs" / "api"
    assert {name: text_of(document) for name, document in all_documents().items()} == {
        file.name: file.read_text() for file in folder.glob("*.json")
    }, "run `make api`"


def test_every_topic_has_recorded_events_of_every_version() -> None:
    wanted = {
        f"{topic}.v{version}.jsonl"
        for topic, model in MODELS.items()
        for version in range(1, model.VERSION + 1)
    }
    assert {file.name for file in RECORDED} == wanted


def test_the_asyncapi_document_is_valid() -> None:
    schema = json.loads((ROOT / "tests" / "unit" / "official" / "asyncapi-3.0.0.schema.json").read_text())
    check = Draft7Validator(schema)
    assert [f"{error.json_path}: {error.message}" for error in check.iter_errors(asyncapi())] == []
    assert not check.is_valid(asyncapi() | {"channels": []})


def test_every_payload_in_it_is_a_schema_that_its_recorded_events_meet() -> None:
    document = asyncapi()
    for file in RECORDED:
        name = file.name.split(".")[0]
        place = f"#/components/messages/{name}/payload/schema"
        check = Draft202012Validator({"$ref": place, "components": document["components"]})
        for line in file.read_text().splitlines():
            check.validate(json.loads(line))
    messages = [
        message for channel in document["channels"].values() for message in channel["messages"].values()
    ]
    assert {message["$ref"] for message in messages} == {f"#/components/messages/{name}" for name in MODELS}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.name)
def test_recorded_events_are_read(file: Path) -> None:
    model = MODELS[file.name.split(".")[0]]
    for line in file.read_text().splitlines():
        event = model.from_json(line.encode())
        assert f".v{event.schema_version}." in file.name
        assert model.from_json(event.to_json()) == event


@pytest.mark.parametrize("topic", MODELS)
def test_a_newer_version_is_refused_rather_than_misread(topic: str) -> None:
    model = MODELS[topic]
    file = next(file for file in RECORDED if file.name.startswith(f"{topic}."))
    event = json.loads(file.read_text().splitlines()[0]) | {"schema_version": model.VERSION + 1}
    with pytest.raises(InvalidInput) as caught:
        model.from_json(json.dumps(event).encode())
    assert caught.value.field == "schema_version"
    assert f"this build reads up to {model.VERSION}" in caught.value.why


async def test_every_route_is_in_the_document_or_left_out_by_name() -> None:
    async with gateway(Fakes(letters=object())) as client:
        assert client.app is not None
        served = {_path(route.resource) for route in client.app.router.routes() if route.resource is not None}
        document = await (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
        assert page.status == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    documented = set(document["paths"])
    assert documented <= served
    left_out = {path for path in served - documented if not path.startswith(("/ops", "/phone", "/docs"))}
    assert left_out <= {"/metrics"}, left_out


def test_the_document_knows_every_command_and_every_field_of_one() -> None:
    document = openapi()
    command = document["components"]["schemas"]["ConversationCommand"]["properties"]
    assert tuple(command["command"]["enum"]) == get_args(OperatorCommand)
    assert {"erase", "close"} <= set(command["command"]["enum"])
    ours, elevenlabs = {"phone_number", "at", "request_id", "schema_version"}, {"details"}
    assert command.keys() == ConversationCommand.model_fields.keys() - ours - elevenlabs
    assert "seen" in command


def test_the_document_knows_that_a_call_may_be_skipped() -> None:
    answers = openapi()["paths"]["/api/call-completed"]["post"]["responses"]
    done = answers["200"]["content"]["application/json"]["schema"]["properties"]
    assert done["status"]["enum"] == ["message_sent", "queued", "skipped"]


def _path(resource: web.AbstractResource) -> str:
    return resource.canonical
