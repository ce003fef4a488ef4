"""An agent that stays away: held and asked again while there is patience, then one apology; never for our own trouble."""

from typing import cast

import pytest

from schemas.errors import RetryableError
from schemas.settings import load_settings
from streams.journal.journal import Journal
from streams.journal.turn import Member, Turn
from streams.turns import asking as asking_module
from streams.turns.asking import Asking
from streams.turns.pause import Pause
from streams.vendors import AgentReply, Question, Vendors


class Away:
    """An agent that is not there; it would have been told the history."""

    async def ask(self, question: Question) -> AgentReply:
        await question.with_history()
        raise RetryableError("elevenlabs", "HTTP 500", 500, retry_after=60.0)


class NoCalls:
    """Nothing is known of any call."""

    async def fetch_call(self, conversation_id: str) -> None:
        raise RetryableError("elevenlabs", "HTTP 500", 500)


class History:
    """A journal with an empty history, or one that does not answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def history(self, turn: Turn, most: int) -> list[tuple[str, str]]:
        if self._error is not None:
            raise self._error
        return []


def asking(journal: History | None = None) -> Asking:
    settings = load_settings({}, agent_patience_seconds=300)
    vendors = Vendors(cast(object, None), Away(), cast(object, NoCalls()), cast(object, None), ())  # type: ignore[arg-type]  # fakes
    return Asking(settings, cast(Journal, journal or History()), vendors, Pause("elevenlabs"))


def turn(age_seconds: float) -> Turn:
    return Turn(
        id=1, kind="reply", state="begun", phone_number="+573138539155", partition=0, conversation_id=1, request_id=None,
        address="whatsapp:+573138539155", age_seconds=age_seconds, answered_at=None, client_name="Ana", agent_id="agent",
        elevenlabs_conversation_id="c1", members=[Member(event_id="SM1", payload={"text": "hola"})],
    )  # fmt: skip


async def test_while_there_is_patience_the_turn_is_held() -> None:
    with pytest.raises(RetryableError):
        await asking().answer(turn(10.0))


async def test_afterwards_the_client_gets_an_apology_and_the_operator_the_reason() -> None:
    answer = await asking().answer(turn(301.0))
    assert answer.text.startswith("Disculpa")
    assert answer.problem == {"what": "agent", "code": "500", "reason": "elevenlabs 500: HTTP 500"}


async def test_postgres_standing_still_is_no_reason_for_an_apology(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_module, "_LEAST_SECONDS", 5.0)
    with pytest.raises(TimeoutError):
        await asking(History(TimeoutError())).answer(turn(10.0))
