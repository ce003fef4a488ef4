"""The OpenAPI document's part for those who operate the service: dead letters, files, ElevenLabs' webhook."""

from typing import Any, Final

Json = dict[str, Any]

_TEXT: Final = {"type": "string"}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_MAYBE_BYTES: Final = {
    "type": ["object", "null"],
    "properties": {"text": _MAYBE_TEXT, "base64": {"type": "string"}},
    "required": ["base64"],
}
_STATES: Final = ["open", "retried", "discarded", "resolved"]
_ACTIONS: Final = ["retried", "discarded", "kept"]


def operating_schemas() -> Json:
    """Return the schemas that these routes refer to."""
    origin = {
        "type": "object",
        "properties": {"partition": {"type": "integer"}, "offset": {"type": "integer"}},
    }
    columns = {
        "id": _TEXT,
        "at": _TEXT,
        "state": {"enum": _STATES},
        "topic": _TEXT,
        "reason": _TEXT,
        "details": _TEXT,
        "tries": {"type": "integer"},
        "bytes": {"type": ["integer", "null"]},
        "phone_number": _MAYBE_TEXT,
        "origin": origin,
        "closed": {"type": ["object", "null"]},
    }
    whole = columns | {"key": _MAYBE_BYTES, "value": _MAYBE_BYTES}
    result = {
        "type": "object",
        "required": ["id", "action"],
        "properties": {"id": _TEXT, "action": {"enum": _ACTIONS}, "why": _TEXT},
    }
    results = {"success": {"const": True}, "results": {"type": "array", "items": result}}
    return {
        "DeadLetter": {"type": "object", "required": sorted(columns), "properties": columns},
        "DeadLetterWithBytes": {"type": "object", "required": sorted(whole), "properties": whole},
        "DeadLetterResults": {"type": "object", "required": ["success", "results"], "properties": results},
    }


def operating_paths(number: Json, token: list[Json]) -> Json:
    """Return the paths. `number`: the parameter of a phone number; `token`: the security of `/api`."""
    return {
        "/api/dead-letters": {"get": _list(token)},
        "/api/dead-letters/{id}": {"get": _show(token)},
        "/api/dead-letters/retry": {"post": _change("Publish dead letters again", _retry_body(), token)},
        "/api/dead-letters/discard": {
            "post": _change("Take dead letters off the list", _discard_body(), token)
        },
        "/api/conversations/{phone}/media/{sid}/{index}": {"get": _media(number, token)},
        "/webhook/elevenlabs/post-call": {"post": _post_call()},
    }


def _list(token: list[Json]) -> Json:
    filters = {
        "state": {"enum": [*_STATES, "all"]},
        "reason": _TEXT,
        "topic": _TEXT,
        "number": _TEXT,
        "since": _TEXT,
        "before": _TEXT,
        "limit": {"type": "integer", "minimum": 1, "maximum": 500},
    }
    letters = {"type": "array", "items": _named("DeadLetter")}
    page = {"success": {"const": True}, "dead_letters": letters, "next_before": _TEXT}
    return {
        "summary": "What could not be done, newest first",
        "security": token,
        "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in filters.items()],
        "responses": {"200": _json("A page", _object(page, "success", "dead_letters"))}
        | _failures(400, 401, 404, 503),
    }


def _show(token: list[Json]) -> Json:
    found = {"success": {"const": True}, "dead_letter": _named("DeadLetterWithBytes")}
    return {
        "summary": "One dead letter with its bytes",
        "security": token,
        "parameters": [_path("id", "Of the list.")],
        "responses": {"200": _json("Found", _object(found, *found))} | _failures(401, 404, 503),
    }


def _retry_body() -> Json:
    return _object(
        {
            "by": {"type": "string", "minLength": 1},
            "ids": {"type": "array", "items": _TEXT},
            "reason": _TEXT,
            "all": {"const": True},
            "value_base64": {"type": "string", "contentEncoding": "base64"},
            "rate": {
                "type": "number",
                "minimum": 0.01,
                "maximum": 100000,
                "description": "Letters a second.",
            },
        },
        "by",
    )


def _discard_body() -> Json:
    ids = {"type": "array", "items": _TEXT, "minItems": 1}
    return _object(
        {"by": {"type": "string", "minLength": 1}, "ids": ids, "reason": {"type": "string", "minLength": 1}},
        "by",
        "ids",
        "reason",
    )


def _change(summary: str, body: Json, token: list[Json]) -> Json:
    return {
        "summary": summary,
        "security": token,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("What was done with each", _named("DeadLetterResults"))}
        | _failures(400, 401, 404, 408, 413, 415, 503),
    }


def _media(number: Json, token: list[Json]) -> Json:
    file = {
        "200": {
            "description": "The file",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
    parameters = [
        number,
        _path("sid", "The message's MessageSid."),
        _path("index", "Which of its files, from 0."),
    ]
    return {
        "summary": "A file that a client sent, fetched from Twilio",
        "security": token,
        "parameters": parameters,
        "responses": file | _failures(400, 401, 404, 502, 503),
    }


def _post_call() -> Json:
    body = _object(
        {"type": _TEXT, "event_timestamp": {"type": "integer"}, "data": {"type": "object"}}, "type", "data"
    )
    taken = _object(
        {"success": {"const": True}, "status": {"enum": ["noted", "ignored"]}}, "success", "status"
    )
    return {
        "summary": "A call has ended (called by ElevenLabs)",
        "security": [{"elevenLabsSignature": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("Taken, or none of ours", taken)}
        | _failures(400, 403, 408, 413, 415, 503),
    }


def _named(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


def _path(name: str, description: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failures(*codes: int) -> Json:
    return {str(code): _json("Refused or failed", _named("Failure")) for code in codes}
