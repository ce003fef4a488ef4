"""The topics as JSON Schemas and an AsyncAPI 3.0 document, made from the models that read and write them."""

from typing import Any

from schemas import models
from schemas.dead_letters import DeadLetterClosed
from schemas.events import Event
from schemas.topics import CONVERSATION_EVENT, DEAD_LETTER

Json = dict[str, Any]

MODELS: dict[str, type[Event]] = {**models.MODELS, "dead-letter-closed": DeadLetterClosed}
"""By topic name; where a topic has two kinds of values, the second has a name of its own."""
_TOPIC_OF = {"dead-letter-closed": DEAD_LETTER}
_TOPICS = [name for name in MODELS if name not in _TOPIC_OF]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_KEY = {
    "type": "string",
    "description": "UTF-8 of the canonical number (+E164), or of a business-scoped user id.",
}
# What others may produce is received: the backend produces calls, operators' tools give commands.
_SENT_BY_US = frozenset({CONVERSATION_EVENT, DEAD_LETTER})


def json_schema(name: str) -> Json:
    """Return the JSON Schema of one kind of value."""
    return {
        "$schema": _DRAFT,
        "$id": f"{name}.schema.json",
        **MODELS[name].model_json_schema(mode="validation"),
    }


def asyncapi() -> Json:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "whatsapp-microservice",
            "version": "1.0.0",
            "description": "Topics are keyed by the client's canonical number "
            "and partitioned by murmur2 of the key.",
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic) for topic in _TOPICS},
        "operations": {topic: _operation(topic) for topic in _TOPICS},
        "components": {"messages": {name: _message(name) for name in MODELS}},
    }


def documents() -> dict[str, Json]:
    """Return every document by its file name."""
    return {"asyncapi.json": asyncapi()} | {f"{name}.schema.json": json_schema(name) for name in MODELS}


def _channel(topic: str) -> Json:
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic)}
    return {"address": topic, "messages": messages}


def _names(topic: str) -> list[str]:
    return [name for name in MODELS if _TOPIC_OF.get(name, name) == topic]


def _operation(topic: str) -> Json:
    reference = {"$ref": f"#/channels/{topic}"}
    messages = [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in _names(topic)]
    return {
        "action": "send" if topic in _SENT_BY_US else "receive",
        "channel": reference,
        "messages": messages,
    }


def _message(name: str) -> Json:
    model = MODELS[name]
    return {
        "name": model.__name__,
        "summary": (model.__doc__ or "").strip().partition("\n")[0],
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": _inlined(name)},
        "bindings": {"kafka": {"key": _KEY}},
    }


def _inlined(name: str) -> Json:
    """Return a schema whose references also hold inside the document: they point from the document's root."""
    place = f"#/components/messages/{name}/payload/schema/$defs/{{model}}"
    return MODELS[name].model_json_schema(mode="validation", ref_template=place)
