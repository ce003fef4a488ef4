"""Does a turn: from whatever step the journal has recorded to its end."""

import asyncio
import time
import uuid
from typing import Any

import structlog

from schemas.errors import TerminalError, VendorError
from schemas.events import CallCompleted
from schemas.phone import masked
from schemas.settings import Settings
from streams.conversation.first_message import first_message, placeholder_values
from streams.conversation.inbound import question
from streams.conversation.refusals import refusal
from streams.journal.journal import Journal
from streams.journal.turn import Send, Turn
from streams.turns.patience import until_done
from streams.turns.sending import Held, Sending
from streams.vendors import CallContext, CallDetails, Question, Vendors, split_message, to_whatsapp

log = structlog.get_logger()

# What a new text conversation is told of the one so far; ElevenLabs' limits for context are unknown, this is some 8 kB.
_HISTORY_MESSAGES = 40


class Runner:
    """Does turns with the vendors. One instance a process; it keeps nothing between turns."""

    def __init__(self, settings: Settings, journal: Journal, vendors: Vendors) -> None:
        self._settings = settings
        self._journal = journal
        self._vendors = vendors
        self._sending = Sending(settings, journal, vendors.twilio)

    async def finish(self, turn: Turn) -> None:
        """Bring a turn to its end: done, or failed with its reason recorded.

        Raises:
            Fenced: the partition has a newer owner.
        """
        bound = structlog.contextvars.bind_contextvars(request_id=turn.request_id, turn=turn.id)
        try:
            await self._finish(turn)
        except Held as error:
            await self._fail(turn, error, "held")
        except TerminalError as error:
            await self._fail(turn, error, "refused")
        finally:
            structlog.contextvars.reset_contextvars(**bound)

    async def _finish(self, turn: Turn) -> None:
        fresh: frozenset[str] = frozenset()
        if turn.state == "begun":
            recorded = await (self._greet(turn) if turn.kind == "call" else self._reply(turn))
            fresh = recorded[1]
            turn = recorded[0]
        await self._sending.deliver(turn, fresh)
        log.info("turn done", kind=turn.kind, number=masked(turn.phone_number), parts=len(turn.sends))

    async def _greet(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        call = CallCompleted.from_object(turn.call or {})
        details = await self._details(turn)
        summary = details.summary if details else None
        completed = call.recipient.status == "completed"
        text = self._settings.first_message_text if completed else self._settings.no_answer_message_text
        send = _send(turn, first_message(text, call, summary), self._template(call, summary))
        return await self._answered(turn, {"text": send.body}, [send], send.body, 0.0, details)

    async def _reply(self, turn: Turn) -> tuple[Turn, frozenset[str]]:
        details = await self._details(turn) if turn.details is None else None
        asked = await self._question(turn, details)
        begun = time.monotonic()
        async for attempt in until_done():
            with attempt:
                reply = await self._vendors.agent.ask(asked)
        sends = [_send(turn, part) for part in split_message(to_whatsapp(reply.text)) if part.strip()]
        seconds = round(time.monotonic() - begun, 3)
        raw = {"text": reply.text, "transport": reply.transport, "raw": reply.raw, "ended": reply.ended}
        return await self._answered(turn, raw, sends, reply.text, seconds, details)

    async def _answered(
        self, turn: Turn, reply: dict[str, Any], sends: list[Send], text: str, seconds: float, details: CallDetails | None
    ) -> tuple[Turn, frozenset[str]]:
        columns = _details_columns(details) | {"text": text, "seconds": seconds}
        recorded = await self._journal.answer(turn, reply, sends, **columns)
        ours = frozenset(send.own_id for send in sends)
        return recorded, ours & {send.own_id for send in recorded.sends}

    async def _details(self, turn: Turn) -> CallDetails | None:
        """Ask ElevenLabs about the call, within the bound that the first message may wait for it."""
        if not turn.elevenlabs_conversation_id:
            return None
        try:
            async with asyncio.timeout(self._settings.summary_wait_seconds):
                return await self._vendors.calls.fetch_call(turn.elevenlabs_conversation_id)
        except (TimeoutError, VendorError):
            log.info("call details are not there yet", number=masked(turn.phone_number))
            return None

    async def _question(self, turn: Turn, details: CallDetails | None) -> Question:
        known = _details_columns(details)["details"] or turn.details or {}
        history = await self._journal.history(turn, _HISTORY_MESSAGES)
        return Question(
            conversation_id=turn.elevenlabs_conversation_id,
            agent_id=turn.agent_id,
            text=question([member.payload["text"] for member in turn.members]),
            user_id=turn.phone_number,
            context=CallContext(
                client_name=turn.client_name or "",
                summary=known.get("summary") or turn.call_summary,
                transcript=[(role, text) for role, text in known.get("transcript", [])],
                dynamic_variables=known.get("dynamic_variables", {}),
                history=history,
            ),
        )

    def _template(self, call: CallCompleted, summary: str | None) -> dict[str, Any] | None:
        if self._settings.twilio_first_message_content_sid is None:
            return None
        values = placeholder_values(call, summary)
        variables = self._settings.first_message_content_variables()
        filled = {name: text.format(**values).strip() or "-" for name, text in variables.items()}
        return {"content_sid": self._settings.twilio_first_message_content_sid, "content_variables": filled}

    async def _fail(self, turn: Turn, error: TerminalError, send_state: str) -> None:
        log.warning("turn failed", kind=turn.kind, number=masked(turn.phone_number), code=error.code, why=error.why)
        code = None if error.code is None else str(error.code)
        await self._journal.fail(turn, code=code, reason=error.why, error=refusal(error), send_state=send_state)


def _send(turn: Turn, body: str, content: dict[str, Any] | None = None) -> Send:
    return Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=body, content=content)


def _details_columns(details: CallDetails | None) -> dict[str, Any]:
    if details is None:
        return {"summary": None, "duration_secs": None, "details": None}
    kept = {
        "summary": details.summary,
        "transcript": details.transcript,
        "dynamic_variables": details.dynamic_variables,
    }
    return {"summary": details.summary, "duration_secs": details.duration_secs, "details": kept}
