"""Does a turn: from whatever step the journal has recorded to its end."""

import time
import uuid
from dataclasses import replace
from typing import Any

import structlog

from schemas.documents import now
from schemas.errors import RetryableError, TerminalError, UnknownOutcome
from schemas.phone import masked
from schemas.settings import Settings
from schemas.tracing import of_another, span
from schemas.window import is_open
from streams.conversation.hours import QuietHours
from streams.conversation.notices import notice_text
from streams.conversation.refusals import by_person, refusal
from streams.conversation.wording import Wording
from streams.failpoints import reach
from streams.journal.journal import Journal
from streams.journal.turn import Send, Turn
from streams.metrics import turn_took
from streams.turns.asking import Answer, Asking
from streams.turns.patience import asked_seconds
from streams.turns.pause import Pause
from streams.turns.rate import Share
from streams.turns.sending import Held, Sending, client_of
from streams.vendors import Vendors, split_message, to_whatsapp

log = structlog.get_logger()


class Runner:
    """Does turns with the vendors. One instance a process; it keeps nothing between turns."""

    def __init__(self, settings: Settings, journal: Journal, vendors: Vendors, share: Share = lambda: 1.0) -> None:
        self._settings = settings
        self._journal = journal
        self.pauses = Pause("twilio"), Pause("elevenlabs")
        self._wording = Wording(settings)
        self._sending = Sending(settings, journal, vendors.twilio, self.pauses[0], self._wording, share)
        self._typing = vendors.typing
        self._quiet = QuietHours.of(settings)
        self._asking = Asking(settings, journal, vendors, self.pauses[1])

    async def finish(self, turn: Turn) -> None:
        """Bring a turn to its end: done, failed with its reason recorded, or held until a later time.

        Raises:
            Fenced: the partition has a newer owner.
        """
        bound = structlog.contextvars.bind_contextvars(request_id=turn.request_id, turn=turn.id)
        begun, outcome = time.monotonic(), "failed"
        try:
            with span(f"turn {turn.kind}", parent=of_another(turn.trace), turn=turn.id):
                await self._finish(turn)
            outcome = "done"
        except Held as error:
            await self._fail(turn, error, "held")
        except TerminalError as error:
            await self._fail(turn, error, "refused")
        except RetryableError as error:
            outcome = "held"
            log.warning("turn is held", kind=turn.kind, number=masked(turn.phone_number), code=error.code, why=error.why)
            await self._journal.hold(turn, asked_seconds(error))
        except UnknownOutcome as error:
            outcome = "held"
            log.warning("turn is held, a send's outcome is unknown", number=masked(turn.phone_number), why=error.why)
            await self._journal.hold(turn, 0.0, unknown=True)
        finally:
            turn_took(turn.kind, outcome).observe(time.monotonic() - begun)
            structlog.contextvars.reset_contextvars(**bound)

    async def _finish(self, turn: Turn) -> None:
        fresh: frozenset[str] = frozenset()
        if turn.state == "begun":
            reach("after-begin")
            if seconds := self._spared_seconds(turn):
                await self._journal.spare(turn, seconds)
                return
            turn, fresh = await self._prepare(turn)
        await self._sending.deliver(turn, fresh)
        log.debug("turn done", kind=turn.kind, number=masked(turn.phone_number), parts=len(turn.sends))

    def _spared_seconds(self, turn: Turn) -> float:
        """Give how long a first message waits for the end of the client's night; one who writes is awake."""
        if self._quiet is None or turn.kind != "call" or is_open(turn.last_inbound_at, now()):
            return 0.0
        return self._quiet.wait_seconds(turn.phone_number, now())

    async def _prepare(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        if turn.kind == "again":
            return await self._repeat(turn)
        if turn.kind == "write":
            return await self._write(turn)
        return await (self._greet(turn) if turn.kind == "call" else self._reply(turn))

    async def _greet(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        details = await self._asking.details(turn)
        client = replace(client_of(turn), summary=details.summary if details else None)
        words = self._wording.first(client, window_is_open=is_open(turn.last_inbound_at, now()))
        send = _send(turn, words.body, words.content)
        return await self._answered(turn, Answer(send.body, {"text": send.body}, 0.0, details), [send])

    async def _repeat(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        if parts := turn.again.get("parts"):  # they came back because the number had too many
            text = "\n".join(part["body"] for part in parts)
            sends = [_send(turn, part["body"], part["content"]) for part in parts]
            return await self._answered(turn, Answer(text, {"again": turn.again}, 0.0, None), sends)
        text = turn.again.get("text") or ""
        words = self._wording.again(client_of(turn), turn.again.get("kind", ""), text)
        if words is None:
            log.warning("a message outside the 24-hour window has no template", number=masked(turn.phone_number))
        sends = [_send(turn, words.body, words.content)] if words else []
        return await self._answered(turn, Answer(text, {"again": turn.again}, 0.0, None), sends)

    async def _write(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        """Send what an operator wrote, word for word."""
        text, template = turn.written.get("text") or "", turn.written.get("content_sid")
        content = {"content_sid": template, "content_variables": turn.written.get("content_variables") or {}}
        sends = [_send(turn, text, content)] if template else [_send(turn, part) for part in split_message(text)]
        return await self._answered(turn, Answer(text, {"text": text, "by": turn.written.get("by")}, 0.0, None), sends)

    async def _reply(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        notice = notice_text(self._settings, turn.notice)
        said = [_send(turn, notice)] if notice else []
        if turn.is_silent:
            return await self._answered(turn, Answer(notice, {"notice": turn.notice, "text": notice}, 0.0, None), said)
        with self._typing.shown(turn.members[-1].event_id if turn.members else ""):
            answer = await self._asking.answer(turn)
        reach("after-agent")
        sends = [_send(turn, part) for part in split_message(to_whatsapp(answer.text)) if part.strip()]
        return await self._answered(turn, answer, [*said, *sends])

    async def _answered(self, turn: Turn, answer: Answer, sends: list[Send]) -> tuple[Turn, frozenset[str]]:
        columns: dict[str, Any] = {"text": answer.text, "seconds": answer.seconds, "problem": answer.problem}
        columns["then"] = answer.then
        columns["caught_up"] = turn.kind == "reply" and turn.meanwhile_from is not None and not turn.is_silent
        if answer.details is not None:
            columns |= {"summary": answer.details.summary, "duration_secs": answer.details.duration_secs}
            columns["details"] = answer.details.kept()
        recorded = await self._journal.answer(turn, answer.raw, sends, **columns)
        reach("after-answer")
        ours = frozenset(send.own_id for send in sends)
        return recorded, ours & {send.own_id for send in recorded.sends}

    async def _fail(self, turn: Turn, error: TerminalError, send_state: str) -> None:
        log.warning("turn failed", kind=turn.kind, number=masked(turn.phone_number), code=error.code, why=error.why)
        code = None if error.code is None else str(error.code)
        await self._journal.fail(
            turn, code=code, reason=error.why, error=refusal(error), send_state=send_state, suppress=by_person(error)
        )


def _send(turn: Turn, body: str, content: dict[str, Any] | None = None) -> Send:
    return Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=body, content=content)
