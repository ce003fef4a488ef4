"""An effect always has a result, and trouble with Postgres never causes an apology."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaTimeoutError
from structlog.testing import capture_logs

from clients.account_gate import AccountGate
from clients.agent import AgentReply, Question
from clients.circuit_breaker import CircuitBreaker
from clients.elevenlabs.events import NeverAnswered
from clients.messenger import Messenger
from clients.vendors import Vendors
from rules import effects as f
from rules import inputs as i
from rules.person import Letter
from rules.policy import Policy
from rules.turns import Part, Waiting
from schemas.errors import AccountRefused, Fenced, RetryableError, TerminalError
from schemas.settings import load_settings
from streams.actors.effects.agent import AgentClient
from streams.actors.effects.call import CallLookup
from streams.actors.effects.performer import Performer
from tests.unit.actors.test_delivery import NUMBER
from tests.unit.mailboxes.virtual_time import now, virtual

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LINK = {
    "command_id": "l1",
    "phone_number": "CO.1",
    "command": "link",
    "by": "us",
    "at": AT.isoformat(),
    "link": NUMBER,
}
PART = Part(own_id="1", to=f"whatsapp:{NUMBER}", body="hola")
ASK = f.AskAgent(
    id="ask",
    agent_id="agent",
    call_id="",
    question=(Waiting(kind="message", event_id="SM1", at=AT, text="hola"),),
    client_name="Ana",
    has_details=True,
    meanwhile_since=None,
)


class Broken:
    """Whatever it is asked, it fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def ask(self, *given: object) -> i.Input:
        raise self._error

    send = look_up = await_slot = fetch = tell = publish = fetchval = ask


def performer(error: Exception) -> Performer:
    broken = cast(Any, Broken(error))
    policy = Policy.of(load_settings({}))
    parts = dict.fromkeys(("pool", "agent", "calls", "delivery", "look_ups", "backend", "letters"), broken)
    return Performer(policy=policy, **parts)


@pytest.mark.parametrize(
    ("effect", "result"),
    [
        (ASK, i.AgentFailed(question=("SM1",), retryable=True, why="KeyError")),
        (
            f.SendMessage(id="1", part=PART, turn_id=1, asked_at=AT, request_id=None, trace=None),
            i.SendUnknown(own_id="1", why="KeyError"),
        ),
        (f.AwaitSlot(id="1", part=PART), i.SendNotMade(own_id="1", why="KeyError")),
        (f.LookUpSend(id="1", part=PART, turn_id=1), i.LookupDone(own_id="1")),
        (
            f.FetchDetails(id="1", call_id="c1", seconds=None, agent_id="a1"),
            i.DetailsFetched(call_id="c1", details=None),
        ),
        (
            f.TellBackend(id="1", conversation_id=1, number=2),
            i.BackendAnswered(conversation_id=1, number=2, problem="KeyError"),
        ),
    ],
)
async def test_an_effect_that_fails_as_nobody_foresaw_has_a_result(effect: f.Effect, result: i.Input) -> None:
    assert await performer(KeyError("x")).perform(NUMBER, effect) == result


@pytest.mark.parametrize("error", [KeyError("x"), KafkaTimeoutError()])
@pytest.mark.parametrize(
    "effect",
    [
        f.PublishLetter(id="1", letter=Letter(id="l1", command=LINK)),
        f.ReserveCampaignSlot(id="1", turn_id=1, batch_id="b"),
    ],
)
async def test_one_that_is_tried_again_raises_and_is_told_of_by_who_tries_it(
    effect: f.Effect, error: Exception
) -> None:
    with capture_logs() as logs, pytest.raises(type(error)):
        await replace(
            performer(error), policy=Policy.of(load_settings({}, campaign_messages_per_minute=60))
        ).perform(NUMBER, effect)
    assert logs == []


async def test_one_that_is_fenced_has_none() -> None:
    with pytest.raises(Fenced):
        await performer(Fenced("not ours")).perform(NUMBER, ASK)


class Postgres:
    """A pool without rows; `is_away`: it does not answer."""

    def __init__(self, *, is_away: bool = False) -> None:
        self._is_away = is_away

    def is_closing(self) -> bool:
        return False

    async def fetch(self, *arguments: object) -> list[object]:
        if self._is_away:
            await asyncio.Event().wait()
        return []


class Away:
    """An agent that is not there, or that never ends; it would have been told the context."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.asked = 0
        self.is_late: list[bool] = []
        self.prepared: list[str] = []

    def prepare(self, agent_id: str) -> None:
        self.prepared.append(agent_id)

    async def ask(self, question: Question) -> AgentReply:
        self.asked += 1
        self.is_late.append(question.is_late)
        await question.with_context()
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        raise AssertionError("never")


class Twilio:
    def typing(self, sid: str) -> AbstractContextManager[None]:
        return nullcontext()


async def _counted() -> None:
    """The group counts this process."""


def client_of(
    agent: Away,
    postgres: Postgres,
    breaker: CircuitBreaker,
    account: AccountGate | None = None,
    until_member: Callable[[], Awaitable[None]] = _counted,
) -> AgentClient:
    async def ours(key: str) -> None:
        return None

    vendors = Vendors(cast(Messenger, Twilio()), agent, cast(Any, None))
    return AgentClient(
        cast(Any, postgres),
        Policy.of(load_settings({})),
        vendors,
        breaker,
        account or AccountGate("elevenlabs", lambda: AT),
        CallLookup(cast(Any, None), breaker),
        until_member=until_member,
        confirm=ours,
        take_slot=lambda: True,
        now=lambda: AT,
        monotonic=time.monotonic,
    )


async def asked(agent: Away, postgres: Postgres, account: AccountGate | None = None) -> i.Input:
    return await client_of(agent, postgres, CircuitBreaker("elevenlabs"), account).ask(NUMBER, ASK)


@pytest.mark.parametrize(("seconds", "prepared"), [(3.0, ["a1"]), (None, [])])
async def test_an_agent_is_prepared_with_the_first_message(
    seconds: float | None, prepared: list[str]
) -> None:
    agent = Away(None)
    client = client_of(agent, Postgres(), CircuitBreaker("elevenlabs"))
    given = replace(performer(Exception("away")), agent=client)
    await given.perform(NUMBER, f.FetchDetails(id="1", call_id="c1", seconds=seconds, agent_id="a1"))
    assert agent.prepared == prepared


async def test_an_agent_that_is_away_may_be_asked_again_as_late_as_it_says() -> None:
    agent = Away(RetryableError("elevenlabs", "HTTP 500", 500, retry_after=60.0))
    found = i.AgentFailed(question=("SM1",), retryable=True, why="HTTP 500", code="500", retry_after=60.0)
    assert (await asked(agent, Postgres()), agent.asked) == (found, 1)


@pytest.mark.parametrize(("waited", "is_late"), [(0.0, False), (5.0, False), (5.1, True), (900.0, True)])
async def test_a_question_that_was_held_up_shares_the_places_with_who_writes_now(
    waited: float, is_late: bool
) -> None:
    agent = Away(RetryableError("elevenlabs", "HTTP 500", 500))
    [waiting] = ASK.question
    effect = replace(ASK, question=(replace(waiting, at=AT - timedelta(seconds=waited)),))
    await client_of(agent, Postgres(), CircuitBreaker("elevenlabs")).ask(NUMBER, effect)
    assert agent.is_late == [is_late]


async def test_an_agent_that_never_ends_an_answer_is_asked_once_more_by_nobody() -> None:
    agent = Away(NeverAnswered("elevenlabs", "ended the conversation within an answer", 1000))
    found = await asked(agent, Postgres())
    assert isinstance(found, i.AgentFailed)
    assert (found.retryable, found.code, agent.asked) == (False, "1000", 1)


@virtual
async def test_an_agent_that_stays_silent_is_waited_for_as_long_as_the_patience() -> None:
    found = await asked(Away(None), Postgres())
    assert isinstance(found, i.AgentFailed)
    assert (found.retryable, found.seconds, found.vendor_away, now()) == (True, 300.0, False, 300.0)


@virtual
async def test_postgres_standing_still_is_no_reason_for_an_apology() -> None:
    found = await asked(Away(None), Postgres(is_away=True))
    assert isinstance(found, i.AgentFailed)
    assert (found.retryable, found.vendor_away) == (True, True)


@virtual
async def test_kafka_standing_still_takes_no_place_at_the_vendor_and_is_no_reason_for_an_apology() -> None:
    agent, breaker = Away(None), CircuitBreaker("elevenlabs")
    found = await client_of(
        agent,
        Postgres(),
        breaker,
        until_member=asyncio.Event().wait,  # type: ignore[arg-type]
    ).ask(NUMBER, ASK)
    assert isinstance(found, i.AgentFailed)
    assert (found.vendor_away, agent.asked, breaker.is_open) == (True, 0, False)


async def test_an_account_without_credits_is_everybodys_trouble_and_costs_no_patience() -> None:
    account = AccountGate("elevenlabs", lambda: AT)
    agent = Away(AccountRefused("elevenlabs", "No credits", "quota_exceeded", 30.0))
    found = i.AgentFailed(
        question=("SM1",), retryable=True, why="No credits", code="quota_exceeded", vendor_away=True
    )
    assert await asked(agent, Postgres(), account) == found
    assert [each["code"] for each in account.shown()] == ["quota_exceeded"]


@virtual
async def test_while_the_account_is_refused_nobody_is_asked_and_in_the_end_the_client_hears_why() -> None:
    account = AccountGate("elevenlabs", lambda: AT)  # its clock stands still, so nobody tries
    account.refused("x", "quota_exceeded", by_report=False)
    agent = Away(None)
    found = await asked(agent, Postgres(), account)
    assert isinstance(found, i.AgentFailed)
    assert (found.code, found.seconds, found.vendor_away, agent.asked) == ("quota_exceeded", 300.0, False, 0)


async def test_an_agent_that_refuses_for_good_shows_that_the_account_is_good() -> None:
    clock = [AT]
    account = AccountGate("elevenlabs", lambda: clock[0])
    account.refused("x", "quota_exceeded", by_report=False)
    clock[0] += timedelta(seconds=6)
    await asked(Away(TerminalError("elevenlabs", "no such agent", 404)), Postgres(), account)
    assert account.pause is None
