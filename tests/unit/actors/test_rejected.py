"""What becomes of a failing event: a retry, a dead letter and an apology, or a stopped partition."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError

from mailboxes.ports import Verdict
from rules import inputs as i
from schemas.commands import ConversationCommand
from schemas.errors import InvalidInput
from streams.actors.judge import WITHIN_SECONDS
from streams.actors.rejections import Rejections
from streams.actors.values import Told
from streams.engine.offsets import TopicPartition
from tests.unit.mailboxes.virtual_time import now, virtual

SOURCE = TopicPartition("inbound-message", 0)
AT = datetime(2025, 10, 28, tzinfo=UTC)
WROTE = i.MessageReceived(event_id="SM1", address="whatsapp:+57", text="hola", received_at=AT)
BURIED = i.MessageBuried(event_id="SM1", address="whatsapp:+57", received_at=AT)
REPORT = i.DeliveryReported(sid="MM1", status="sent", rank=1, at=AT)
ANSWER = i.AgentAnswered(question=("SM1",), text="|", reply={}, seconds=1.0)
COMMAND = i.CommandGiven(
    command=ConversationCommand.from_object(
        {
            "command_id": "1",
            "phone_number": "+573138539155",
            "command": "close",
            "by": "ana",
            "at": AT.isoformat(),
        }
    ),
    received_at=AT,
)
NUMBER, OTHER = "+573138539155", "+573138539156"


class Letters:
    """Remembers whom it buried, and why; at first Kafka does not take some."""

    def __init__(self, refused: int = 0) -> None:
        self.refused = refused
        self.buried: list[tuple[str, int]] = []

    async def bury(
        self, source: TopicPartition, message: object, error: InvalidInput, tries: int = 1
    ) -> None:
        if self.refused:
            self.refused -= 1
            raise KafkaConnectionError
        self.buried.append((error.why, tries))


def told(given: i.Input, **over: Any) -> Told:  # noqa: ANN401
    return Told(given=given, origin=(SOURCE, "record"), **over)


def rejecting(letters: Letters) -> Rejections:
    return Rejections(cast(Any, letters))


async def last(rejections: Rejections, message: Told | None, error: Exception) -> Verdict | Told:
    """Have it fail until it is not tried again, while another number comes through with the like."""
    attempt = 1
    while (verdict := await rejections(NUMBER, message, error, attempt)) is Verdict.RETRY:
        attempt += 1
        for given in (WROTE, REPORT, COMMAND, ANSWER):
            rejections.came_through(OTHER, given)
    return verdict


@virtual
async def test_a_message_is_tried_again_and_then_a_dead_letter_and_its_client_is_told() -> None:
    letters = Letters()
    instead = await last(rejecting(letters), told(WROTE, event=("message", "SM1")), KeyError("x"))
    assert (letters.buried, now()) == ([("KeyError, 7 times", 7)], 60.0)
    assert instead == Told(given=BURIED, event=("message", "dead-letter:SM1"))


@virtual
async def test_one_that_could_not_be_read_is_told_of_as_well() -> None:
    letters = Letters()
    instead = await last(rejecting(letters), told(BURIED, failure=KeyError("x")), KeyError("x"))
    assert (len(letters.buried), instead) == (1, Told(given=BURIED, event=("message", "dead-letter:SM1")))


@pytest.mark.parametrize(
    "given",
    [
        WROTE.__class__(event_id="SM1", address="", text="", received_at=AT, replay="dead-letter"),
        REPORT,
        i.Recovered(),
    ],
    ids=["given back by an operator", "a report", "a command that could not be read"],
)
@virtual
async def test_whoever_has_not_written_is_told_nothing(given: i.Input) -> None:
    letters = Letters()
    assert await last(rejecting(letters), told(given), KeyError("x")) is Verdict.SKIP
    assert len(letters.buried) == 1


@virtual
async def test_an_apology_that_fails_too_is_let_go_and_makes_no_second_letter() -> None:
    letters = Letters()
    rejections = rejecting(letters)
    instead = await last(rejections, told(WROTE), KeyError("x"))
    assert isinstance(instead, Told)
    assert await last(rejections, instead, KeyError("x")) is Verdict.SKIP
    assert len(letters.buried) == 1


@virtual
async def test_an_answer_that_cannot_be_handled_is_an_agent_that_failed_for_good() -> None:
    letters = Letters()
    instead = await last(rejecting(letters), Told(given=ANSWER), KeyError("x"))
    assert isinstance(instead, Told)
    assert instead.given == i.AgentFailed(question=("SM1",), retryable=False, why="KeyError")
    assert letters.buried == []


@virtual
async def test_what_could_not_be_read_is_compared_with_what_its_topic_brings_of_others() -> None:
    source = TopicPartition("conversation-command", 0)
    unread = Told(given=i.Recovered(), failure=KeyError("x"), origin=(source, "record"))
    letters = Letters()
    assert await last(rejecting(letters), unread, KeyError("x")) is Verdict.SKIP
    assert (letters.buried, now()) == ([("KeyError, 7 times", 7)], 60.0)


@virtual
async def test_where_nobody_else_writes_it_is_held_back_for_as_long_as_the_builds_fault_may_show() -> None:
    letters = Letters()
    rejections, attempt = rejecting(letters), 1
    while await rejections(NUMBER, told(WROTE), KeyError("x"), attempt) is Verdict.RETRY:
        assert letters.buried == []
        rejections.came_through(NUMBER, WROTE)
        rejections.came_through(OTHER, REPORT)
        attempt += 1
    assert (len(letters.buried), now()) == (1, WITHIN_SECONDS)


@virtual
async def test_while_kafka_takes_no_letter_it_is_not_let_go() -> None:
    letters = Letters(refused=3)
    assert await last(rejecting(letters), told(REPORT), KeyError("x")) is Verdict.SKIP
    assert letters.buried == [("KeyError, 10 times", 10)]


@virtual
async def test_a_conversation_that_cannot_be_loaded_is_left_alone() -> None:
    letters = Letters()
    assert await last(rejecting(letters), None, KeyError("x")) is Verdict.SKIP
    assert letters.buried == []


@virtual
async def test_what_fails_for_many_stops_their_partition_and_no_letter_is_made() -> None:
    letters = Letters()
    rejections = rejecting(letters)
    verdicts = [await rejections(f"+{number}", told(WROTE), KeyError("x"), 1) for number in range(12)]
    assert verdicts == [Verdict.RETRY] * 9 + [Verdict.STOP] * 3
    assert letters.buried == []


@virtual
async def test_what_is_tried_again_is_said_with_the_reason_and_forgotten_when_it_is_done() -> None:
    rejections = rejecting(Letters())
    for attempt in (1, 2, 3):
        await rejections(NUMBER, told(WROTE), KeyError("x"), attempt)
    assert rejections.retried() == [{"why": "KeyError", "tries": 3, "seconds": 7.0}]
    await asyncio.sleep(5)
    assert rejections.retried() == []
