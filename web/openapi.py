"""The HTTP side as an OpenAPI 3.1 document; bodies of events come from the models that read them."""

from typing import Any, Final

from aiohttp import web

from schemas.commands import ConversationCommand
from schemas.events import CallCompleted
from web.commands import OPERATOR_COMMANDS
from web.openapi_operating import operating_paths, operating_schemas

Json = dict[str, Any]

_TOKEN: Final[list[Json]] = [{"serviceToken": []}]
_SIGNED: Final[list[Json]] = [{"twilioSignature": []}]
_TWIML: Final = {"text/xml": {"schema": {"type": "string"}}}
_SET_BY_US: Final = ("phone_number", "at", "request_id", "schema_version")
_NOT_AN_OPERATORS: Final = ("details",)
_NUMBER: Final = {
    "name": "phone",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "`+57…`, `%2B57…`, without the plus, or another spelling of the same number.",
}
_STATES: Final = ("connected", "disconnected", "ok", "error")
_COUNTS: Final = (
    "active_conversations",
    "total_conversations_today",
    "messages_sent_today",
    "messages_received_today",
)


def openapi() -> Json:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "whatsapp-microservice", "version": "1.0.0"},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": {
            "/api/call-completed": {"post": _call_completed()},
            "/api/conversations/{phone}": {"get": _conversation()},
            "/api/conversations/{phone}/commands": {"post": _command()},
            "/api/stats": {"get": _stats()},
            "/webhook/twilio/incoming": {"post": _webhook("A client wrote")},
            "/webhook/twilio/status": {"post": _webhook("A delivery report")},
            **operating_paths(_NUMBER, _TOKEN),
            "/health": {"get": _health()},
            "/live": {"get": _get("The process is alive", {"type": "object"})},
            "/ready": {"get": _get("Events can be accepted", {"type": "object"}, 503)},
            "/openapi.json": {"get": _get("This document", {"type": "object"})},
        },
        "components": {
            "securitySchemes": {
                "serviceToken": {"type": "apiKey", "in": "header", "name": "X-Service-Token"},
                "twilioSignature": {"type": "apiKey", "in": "header", "name": "X-Twilio-Signature"},
                "elevenLabsSignature": {"type": "apiKey", "in": "header", "name": "ElevenLabs-Signature"},
            },
            "schemas": _schemas(),
        },
    }


async def serve(request: web.Request) -> web.Response:
    """Answer `GET /openapi.json`."""
    return web.json_response(openapi())


def _schemas() -> Json:
    call = CallCompleted.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    failure = {
        "type": "object",
        "required": ["success", "error"],
        "properties": {"success": {"const": False}, "error": {"type": "string"}, "details": {}},
    }
    command = _command_schema()
    ours = {"CallCompleted": call, "Failure": failure, "Conversation": _conversation_schema()}
    ours["ConversationCommand"] = command
    return {**call.pop("$defs", {}), **command.pop("$defs", {}), **ours, **operating_schemas()}


def _conversation_schema() -> Json:
    text, count = {"type": "string"}, {"type": "integer"}
    message = {
        "type": "object",
        "required": ["direction", "content", "timestamp"],
        "properties": {"direction": {"enum": ["inbound", "outbound"]}, "content": text, "timestamp": text},
    }
    properties = {
        "phone_number": text,
        "client_name": {"type": ["string", "null"]},
        "status": text,
        "elevenlabs_conversation_id": text,
        "agent_id": text,
        "started_at": text,
        "last_message_at": text,
        "message_count": count,
        "messages": {"type": "array", "items": message},
        "next_before": count,
    }
    return {"type": "object", "required": ["phone_number", "status", "messages"], "properties": properties}


def _call_completed() -> Json:
    done = {
        "type": "object",
        "required": ["success", "message", "status"],
        "properties": {
            "success": {"const": True},
            "message": {"type": "string"},
            "status": {"enum": ["message_sent", "queued", "skipped"]},
            "conversation_id": {"type": ["string", "null"]},
            "whatsapp_message_id": {"type": ["string", "null"]},
        },
    }
    answers = {"200": _json("Sent", done), "202": _json("Queued; the work goes on", done)}
    body = {"$ref": "#/components/schemas/CallCompleted"}
    return {
        "summary": "A phone call has ended: begin the conversation",
        "security": _TOKEN,
        "requestBody": _body(body),
        "responses": answers | _failures(400, 401, 408, 409, 413, 415, 422, 503),
    }


def _conversation() -> Json:
    found = {
        "type": "object",
        "properties": {
            "success": {"const": True},
            "conversation": {"$ref": "#/components/schemas/Conversation"},
        },
    }
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}
    before = {
        "name": "before",
        "in": "query",
        "schema": {"type": "string"},
        "description": "A message's id or ISO 8601.",
    }
    return {
        "summary": "A conversation with its messages, oldest first",
        "security": _TOKEN,
        "parameters": [_NUMBER, limit, before],
        "responses": {"200": _json("Found", found)} | _failures(400, 401, 404, 503),
    }


def _command() -> Json:
    body = {"$ref": "#/components/schemas/ConversationCommand"}
    outcome = {
        "200": _json("Done", _command_answer("done")),
        "202": _json("Queued", _command_answer("queued")),
    }
    return {
        "summary": "Tell a conversation what to do, once per command_id",
        "security": _TOKEN,
        "parameters": [_NUMBER],
        "requestBody": _body(body),
        "responses": outcome | _failures(400, 401, 404, 408, 409, 413, 415, 422, 503),
    }


def _command_answer(status: str) -> Json:
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    always = {"success": {"const": True}, "status": {"const": status}, "command_id": text, "command": text}
    done = {"changed": {"type": "boolean"}, "conversation_status": maybe, "whatsapp_message_id": maybe}
    return {
        "type": "object",
        "required": list(always),
        "properties": always | (done if status == "done" else {}),
    }


def _command_schema() -> Json:
    """Return the event's schema without what the gateway sets. New commands and fields are added here."""
    schema = ConversationCommand.model_json_schema(
        mode="validation", ref_template="#/components/schemas/{model}"
    )
    for name in (*_SET_BY_US, *_NOT_AN_OPERATORS):
        del schema["properties"][name]
    del schema["$defs"]["NotedDetails"]
    schema["properties"]["command"] |= {"enum": list(OPERATOR_COMMANDS)}
    schema["description"] = (
        "What an operator tells a conversation to do. `by`: who; `seen`: the newest command known of."
    )
    # Without an id it is given one, which the answer tells.
    schema["required"] = [name for name in schema["required"] if name not in (*_SET_BY_US, "command_id")]
    return schema


def _stats() -> Json:
    names = ("waiting", "active", "completed", "failed")
    queue = {
        "type": "object",
        "properties": {name: {"type": "integer"} for name in names},
        "required": list(names),
    }
    figures = {name: {"type": "integer"} for name in _COUNTS} | {
        "response_rate": {"type": "number"},
        "avg_response_time_seconds": {"type": "number"},
        "queue": queue,
    }
    stats = {"type": "object", "properties": figures, "required": list(figures)}
    campaign = {
        "type": "object",
        "properties": {"days": {"type": "object", "additionalProperties": {"type": "object"}}},
    }
    answer = {
        "type": "object",
        "required": ["success", "stats", "source"],
        "properties": {
            "success": {"const": True},
            "stats": stats,
            "campaign": campaign,
            "source": {"enum": ["tables", "postgres"]},
        },
    }
    text, day = {"type": "string", "minLength": 1, "maxLength": 255}, {"type": "string", "format": "date"}
    asked = {"day": day, "batch_id": text, "group_id": text}
    return {
        "summary": "Live figures, and a campaign's by day where one is asked for",
        "security": _TOKEN,
        "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in asked.items()],
        "responses": {"200": _json("The figures, and where they come from", answer)}
        | _failures(400, 401, 503),
    }


def _webhook(summary: str) -> Json:
    form = {
        "application/x-www-form-urlencoded": {
            "schema": {"type": "object", "additionalProperties": {"type": "string"}}
        }
    }
    taken = {"200": {"description": "Stored; an empty TwiML", "content": _TWIML}}
    return {
        "summary": f"{summary} (called by Twilio)",
        "security": _SIGNED,
        "requestBody": {"content": form},
        "responses": taken | _failures(400, 403, 408, 413, 415, 503),
    }


def _health() -> Json:
    dependency = {"enum": list(_STATES)}
    names = ("database", "kafka", "twilio", "elevenlabs")
    schema = {
        "type": "object",
        "required": ["status", "service", "version", "uptime", "dependencies"],
        "properties": {
            "status": {"enum": ["ok", "degraded"]},
            "service": {"type": "string"},
            "version": {"type": "string"},
            "uptime": {"type": "number"},
            "work": {"type": ["object", "null"]},
            "delivery_reports": {"type": "string", "description": "`ok`, or why Twilio cannot send us any"},
            "dependencies": {
                "type": "object",
                "properties": dict.fromkeys(names, dependency),
                "required": list(names),
            },
        },
    }
    answers = {"200": _json("Well, or degraded", schema), "503": _json("Events cannot be accepted", schema)}
    return {"summary": "Health of the service and what it needs", "responses": answers}


def _get(summary: str, schema: Json, *failures: int, security: list[Json] | None = None) -> Json:
    unauthorised = (401, 503) if security else ()
    answers = {"200": _json(summary, schema)} | {str(code): {"description": "Not now"} for code in failures}
    return {"summary": summary, "security": security or [], "responses": answers | _failures(*unauthorised)}


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failures(*codes: int) -> Json:
    failure = _json("Refused or failed", {"$ref": "#/components/schemas/Failure"})
    return {str(code): failure for code in codes}
