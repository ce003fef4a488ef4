"""`POST /api/call-completed` over fakes."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from schemas.events import CallCompleted
from tests.support.gateway import AUTH, NUMBER, FakeOutcomes, FakePublisher, Fakes, call, gateway
from web.bodies import LARGEST_BODY
from web.outcomes import Outcome

PATH = "/api/call-completed"
DONE = Outcome(state="done", conversation_id=123, sid="SM1", error=None)
BEGUN = Outcome(state="begun", conversation_id=123, sid=None, error=None)
REFUSAL = {"status": 409, "error": "Failed to send WhatsApp message", "details": "opted out"}
FAILED = Outcome(state="failed", conversation_id=123, sid=None, error=REFUSAL)


@pytest.mark.parametrize("headers", [{}, {"X-Service-Token": "wrong"}, {"X-Service-Token": "ñ"}])
async def test_refuses_without_the_token(headers: dict[str, str]) -> None:
    fakes = Fakes()
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=call(), headers=headers)
        assert (answer.status, await answer.json()) == (401, {"success": False, "error": "Unauthorized"})
    assert not fakes.publisher.events


async def test_no_token_configured_refuses_everybody() -> None:
    async with gateway(Fakes(), microservice_token=None) as client:
        for headers in ({}, {"X-Service-Token": ""}, AUTH):
            assert (await client.post(PATH, json=call(), headers=headers)).status == 401
        assert (await client.get("/api/nothing-here", headers=AUTH)).status == 401


async def test_publishes_and_answers_with_the_outcome() -> None:
    fakes = Fakes(outcomes=FakeOutcomes(later={"conv_1": DONE}))
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=call(batch_name=None), headers=AUTH | {"X-Request-Id": "r-1"})
        assert answer.status == 200
        assert answer.headers["X-Request-Id"] == "r-1"
        assert await answer.json() == {
            "success": True,
            "message": "Conversación iniciada exitosamente",
            "conversation_id": "conv_local_123",
            "whatsapp_message_id": "SM1",
            "status": "message_sent",
        }
    [(topic, key, value, request_id)] = fakes.publisher.events
    assert (topic, key, request_id) == ("call-completed", "+573138539155", "r-1")
    assert json.loads(value)["recipient"]["conversation_id"] == "conv_1"


async def test_a_call_that_never_connected_has_its_outcome_under_the_id_that_the_worker_makes() -> None:
    body = call(recipient={"id": "rcpt_1", "phone_number": NUMBER, "conversation_id": None, "status": None})
    fakes = Fakes()
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=body, headers=AUTH)).status == 202
    [(_, _, value, _)] = fakes.publisher.events
    made = CallCompleted.from_json(value).event_id
    fakes.outcomes.known[made] = DONE
    async with gateway(fakes) as client:
        answer = await (await client.post(PATH, json=body, headers=AUTH)).json()
    assert (answer["whatsapp_message_id"], len(fakes.publisher.events)) == ("SM1", 1)


async def test_a_repeated_call_is_answered_without_publishing() -> None:
    fakes = Fakes(outcomes=FakeOutcomes(known={"conv_1": DONE}))
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=call(), headers=AUTH)
        assert (answer.status, (await answer.json())["whatsapp_message_id"]) == (200, "SM1")
    assert not fakes.publisher.events


async def test_ten_identical_ones_at_once_get_the_same_answer() -> None:
    fakes = Fakes(outcomes=FakeOutcomes(later={"conv_1": DONE}))
    async with gateway(fakes) as client:
        answers = await asyncio.gather(*(client.post(PATH, json=call(), headers=AUTH) for _ in range(10)))
        assert len({(answer.status, await answer.text()) for answer in answers}) == 1


async def test_a_refusal_is_answered_with_its_code() -> None:
    async with gateway(Fakes(outcomes=FakeOutcomes(later={"conv_1": FAILED}))) as client:
        answer = await client.post(PATH, json=call(), headers=AUTH)
        assert answer.status == 409
        assert await answer.json() == {"success": False, "error": REFUSAL["error"], "details": "opted out"}


async def test_a_refusal_without_words_is_still_a_4xx() -> None:
    bare = Outcome(state="failed", conversation_id=1, sid=None, error=None)
    async with gateway(Fakes(outcomes=FakeOutcomes(known={"conv_1": bare}))) as client:
        assert (await client.post(PATH, json=call(), headers=AUTH)).status == 422


@pytest.mark.parametrize(
    ("known", "later", "conversation"),
    [({}, {}, None), ({"conv_1": BEGUN}, {}, "conv_local_123"), ({}, {"conv_1": BEGUN}, "conv_local_123")],
)
async def test_not_in_time_is_queued(
    known: dict[str, Outcome], later: dict[str, Outcome], conversation: str | None
) -> None:
    fakes = Fakes(outcomes=FakeOutcomes(known=known, later=later))
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=call(), headers=AUTH)
        body = await answer.json()
    assert (answer.status, body["status"], body["success"]) == (202, "queued", True)
    assert (body["conversation_id"], body["whatsapp_message_id"]) == (conversation, None)
    assert len(fakes.publisher.events) == (0 if known else 1)


async def test_nothing_stored_is_503() -> None:
    fakes = Fakes(publisher=FakePublisher(away=True), outcomes=FakeOutcomes(away=True))
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=call(), headers=AUTH)
        assert (answer.status, (await answer.json())["success"]) == (503, False)


async def test_without_postgres_it_is_published_all_the_same() -> None:
    fakes = Fakes(outcomes=FakeOutcomes(away=True))
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=call(), headers=AUTH)).status == 202
    assert len(fakes.publisher.events) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"{", "body"),
        (b'{"a": "\xff"}', "body"),
        (b"[" * 60_000, "body"),
        (b'{"agent_id": true, "recipient": {}}', "agent_id"),
        (json.dumps({"agent_id": "a"}).encode(), "recipient"),
        (json.dumps(call(number="123")).encode(), "recipient.phone_number"),
        (json.dumps(call(number="+57\U0001f600")).encode(), "recipient.phone_number"),
        (json.dumps(call(conversation_id="c" * 256)).encode(), "recipient.conversation_id"),
    ],
)
async def test_a_bad_body_is_400_and_names_the_field(body: bytes, field: str) -> None:
    fakes = Fakes()
    async with gateway(fakes) as client:
        answer = await client.post(PATH, data=body, headers=AUTH | {"Content-Type": "application/json"})
        error = await answer.json()
    assert (answer.status, error["success"], bool(error["error"])) == (400, False, True)
    assert error["details"].startswith(f"{field}:")
    assert not fakes.publisher.events


@pytest.mark.parametrize(
    "over",
    [
        {"call_metadata": None},
        {"call_metadata": {"client_name": "\U0001f600" * 10_000, "client_id": 42, "group_id": "5"}},
        {"batch_name": "a\x00b", "unknown": [[[{}]]], "phone_number_id": None},
        {"agent_id": 7, "recipient": {"phone_number": 573138539155, "conversation_id": 9}},
        {"recipient": {"phone_number": NUMBER, "conversation_id": "\x00", "status": None}},
    ],
)
async def test_odd_but_usable_bodies_are_accepted(over: dict[str, object]) -> None:
    fakes = Fakes()
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=call(**over), headers=AUTH)).status == 202
    assert b"\\u0000" not in fakes.publisher.events[0][2]


async def test_a_number_that_nobody_is_known_to_have_is_a_warning_and_no_refusal() -> None:
    fakes = Fakes()
    warned = {}
    for number in ("+573138539155", "+576138539155"):
        async with gateway(fakes) as client:
            with capture_logs() as logs:
                body = call(
                    recipient={"phone_number": number, "conversation_id": "conv_9", "status": "completed"}
                )
                assert (await client.post(PATH, json=body, headers=AUTH)).status == 202
            warned[number] = [line["phone_number"] for line in logs if line["log_level"] == "warning"]
    assert len(fakes.publisher.events) == 2
    assert warned["+573138539155"] == []
    assert [number != "+576138539155" for number in warned["+576138539155"]] == [True], "told, and masked"


async def test_a_national_number_is_of_the_configured_country_alone() -> None:
    fakes = Fakes()
    body = call(recipient={"phone_number": "3138539155", "conversation_id": "conv_1"})
    async with gateway(fakes) as client:
        error = await (await client.post(PATH, json=body, headers=AUTH)).json()
    assert error["details"].startswith("recipient.phone_number: does not say of which country")
    async with gateway(fakes, default_region="CO") as client:
        assert (await client.post(PATH, json=body, headers=AUTH)).status == 202
    [(_, key, value, _)] = fakes.publisher.events
    assert (key, json.loads(value)["recipient"]["phone_number"]) == ("+573138539155", "+573138539155")


async def test_another_media_type_is_415() -> None:
    async with gateway(Fakes()) as client:
        answer = await client.post(PATH, data={"a": "b"}, headers=AUTH)
        assert (answer.status, (await answer.json())["success"]) == (415, False)
        accepted = await client.post(
            PATH, data=json.dumps(call()), headers=AUTH | {"Content-Type": "application/json; charset=utf-8"}
        )
        assert accepted.status == 202


async def test_a_body_too_large_is_413_and_the_connection_survives() -> None:
    async with gateway(Fakes()) as client:
        big = json.dumps(call(batch_name="x" * LARGEST_BODY))
        headers = AUTH | {"Content-Type": "application/json"}
        async with client.post(PATH, data=big, headers=headers) as answer:
            assert (answer.status, (await answer.json())["success"]) == (413, False)
        assert (await client.post(PATH, json=call(), headers=AUTH)).status == 202
        assert len(client.session.connector._conns) == 1  # type: ignore[union-attr]


async def test_a_body_that_is_not_what_its_headers_say_is_400() -> None:
    async with gateway(Fakes()) as client:
        headers = AUTH | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await client.post(PATH, data=b"not gzip at all", headers=headers)
        assert answer.status == 400


async def test_a_call_after_which_no_conversation_begins_is_a_success() -> None:
    skipped = Outcome(state="done", conversation_id=None, sid=None, error=None)
    async with gateway(Fakes(outcomes=FakeOutcomes(later={"conv_1": skipped}))) as client:
        answer = await client.post(PATH, json=call(), headers=AUTH)
        body = await answer.json()
    assert (answer.status, body["success"], body["status"], body["conversation_id"]) == (
        200,
        True,
        "skipped",
        None,
    )
