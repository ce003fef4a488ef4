"""What becomes of a send whose outcome is unknown: looked for, never guessed while Twilio shows nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import pytest

from schemas.documents import now
from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.settings import load_settings
from streams.conversation.wording import Wording
from streams.journal.journal import Journal, SentBehind
from streams.journal.turn import Send, Turn
from streams.turns import sending as sending_module
from streams.turns.pause import Pause
from streams.turns.sending import Held, Sending
from streams.vendors import OutgoingMessage, TwilioSender
from streams.vendors.twilio_messages import Accepted, Found

ANSWERED_AT = datetime(2025, 10, 28, 10, 45, tzinfo=UTC)


class Twilio:
    """Accepts without saying so as often as told; its list shows what it has, or cannot be read."""

    def __init__(self, *, silent: int = 0, hides: int = 0, away: bool = False) -> None:
        self.silent, self.hides, self.away = silent, hides, away
        self.creates = 0
        self.sent: list[object] = []
        self.looks: list[datetime] = []

    async def send(self, message: object) -> Accepted:
        self.creates += 1
        self.sent.append(message)
        if self.creates <= self.silent:
            raise UnknownOutcome("twilio", "broke off")
        return Accepted(f"SM{self.creates}", "queued")

    async def find_sent(self, to: str, from_: str, body: str | None, since: datetime, known: set[str]) -> list[Found]:
        self.looks.append(since)
        if self.away:
            raise RetryableError("twilio", "HTTP 500")
        if len(self.looks) <= self.hides:
            return []
        return [Found(f"SM{number}", "sent", ANSWERED_AT) for number in range(self.creates, 0, -1)]


class Recorder:
    """A journal that remembers what was accepted."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    async def sent_sid(self, send: Send) -> str | None:
        return None

    async def known_sids(self, to_address: str, since: datetime) -> set[str]:
        return set()

    async def own(self, partition: int) -> None:
        return None

    async def intend(self, turn: Turn, send: Send) -> str | None:
        return None

    async def accept(self, turn: Turn, send: Send, sid: str, status: str | None, body: str | None) -> None:
        self.accepted.append(sid)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending_module, "_LOOK_EVERY_SECONDS", 0.005)
    monkeypatch.setattr(sending_module, "_LOOK_WHILE_PAUSED_SECONDS", 0.005)
    monkeypatch.setattr(sending_module, "_SHORTEST_LOOK_SECONDS", 0.05)


def turn(state: Literal["planned", "intended"] = "planned", age_seconds: float | None = None) -> Turn:
    address = "whatsapp:+573138539155"
    send = Send(own_id="1", to_address=address, body="hola", state=state, age_seconds=age_seconds)
    return Turn(
        id=1, kind="reply", state="answered", phone_number="+573138539155", partition=0, conversation_id=1,
        request_id=None, address=address, age_seconds=0.0, answered_at=ANSWERED_AT, client_name="Ana",
        agent_id="agent", elevenlabs_conversation_id="c1", sends=[send],
    )  # fmt: skip


def sending(twilio: Twilio, journal: Recorder, **settings: object) -> Sending:
    wanted = load_settings({}, **({"twilio_unknown_patience_seconds": 0.05} | settings))
    return Sending(wanted, cast(Journal, journal), cast(TwilioSender, twilio), Pause("twilio"), Wording(wanted))


async def test_a_lost_answer_is_found_in_the_list_and_nothing_is_sent_again() -> None:
    twilio, journal = Twilio(silent=1, hides=2), Recorder()
    await sending(twilio, journal, twilio_unknown_patience_seconds=5).deliver(turn())
    assert (twilio.creates, journal.accepted) == (1, ["SM1"])
    assert twilio.looks == [ANSWERED_AT - timedelta(seconds=10)] * 3


async def test_what_the_list_never_shows_is_sent_again_when_patience_is_over() -> None:
    twilio, journal = Twilio(silent=1, hides=10_000), Recorder()
    await sending(twilio, journal).deliver(turn())
    assert (twilio.creates, journal.accepted) == (2, ["SM2"])


async def test_or_left_to_an_operator() -> None:
    twilio, journal = Twilio(silent=1, hides=10_000), Recorder()
    with pytest.raises(Held):
        await sending(twilio, journal, twilio_unknown_send="hold").deliver(turn())
    assert (twilio.creates, journal.accepted) == (1, [])


@pytest.mark.parametrize("intended", [False, True])
async def test_a_list_that_cannot_be_read_proves_nothing(intended: bool) -> None:
    twilio, journal = Twilio(silent=1, away=True), Recorder()
    resumed = turn("intended", 3600.0) if intended else turn()
    with pytest.raises(UnknownOutcome):
        await sending(twilio, journal).deliver(resumed)
    assert (twilio.creates, journal.accepted) == (0 if intended else 1, [])
    assert len(twilio.looks) > 1


async def test_a_text_that_waited_until_the_window_was_closed_goes_as_a_template() -> None:
    given = {"twilio_reopen_content_sid": "HX1", "twilio_reopen_content_variables": '{"1": "{client_name}: {text}"}'}
    for hours, content in ((1, None), (25, {"content_sid": "HX1", "content_variables": {"1": "Ana: hola"}})):
        twilio, journal = Twilio(), Recorder()
        wrote = now() - timedelta(hours=hours)
        await sending(twilio, journal, **given).deliver(replace(turn(), last_inbound_at=wrote))
        sent = cast(OutgoingMessage, twilio.sent[0])
        assert sent.content_sid == (content and content["content_sid"])
        assert sent.content_variables == (content and content["content_variables"])
        assert sent.body == (None if content else "hola")


async def test_what_must_wait_behind_an_earlier_message_is_not_sent_and_the_turn_is_over() -> None:
    class Behind(Recorder):
        async def intend(self, turn: Turn, send: Send) -> str | None:
            raise SentBehind

    twilio, journal = Twilio(), Behind()
    await sending(twilio, journal).deliver(turn())
    assert (twilio.creates, journal.accepted) == (0, [])


async def test_a_part_follows_when_the_former_was_accepted() -> None:
    class Refusing(Twilio):
        async def send(self, message: object) -> Accepted:
            if self.creates == 1:
                raise TerminalError("twilio", "refused", 63013)
            return await super().send(message)

    one = turn()
    parts = [replace(one.sends[0], own_id=str(place), body=str(place)) for place in range(3)]
    twilio, journal = Twilio(), Recorder()
    await sending(twilio, journal).deliver(replace(one, sends=parts))
    assert [cast(OutgoingMessage, message).body for message in twilio.sent] == ["0", "1", "2"]
    refusing, journal = Refusing(), Recorder()
    with pytest.raises(TerminalError):
        await sending(refusing, journal).deliver(replace(one, sends=parts))
    assert journal.accepted == ["SM1"]
    assert [cast(OutgoingMessage, message).body for message in refusing.sent] == ["0"]
