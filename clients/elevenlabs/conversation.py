"""One text conversation over one open WebSocket: start, background, question, answer."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from clients.agent import AgentReply, Question
from clients.elevenlabs.errors import VENDOR
from clients.elevenlabs.event_order import EventOrder, Origin
from clients.elevenlabs.events import (
    LOST_CLOSE,
    NORMAL_CLOSE,
    AgentSilent,
    AnswerBrokenOff,
    Closed,
    OverrideRefused,
    answer_to,
    context,
    conversation_id,
    start,
)
from clients.elevenlabs.overrides import FIRST_MESSAGE
from clients.elevenlabs.turn_end import TurnEnd, Waits
from clients.vendor_json import Json, child, parse_vendor_object, words
from schemas.errors import RetryableError

_CLOSING = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)


class Conversation:
    """A conversation, which runs once.

    `overrides`: those that the agent allows; if the greeting's is not among them, the greeting is waited for
    and skipped. `shown`: what a client gets to see of an answer. `is_greeting`: tells by a text's words
    whether it is the agent's greeting.
    """

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        question: Question,
        overrides: frozenset[str],
        shown: Callable[[str], str],
        is_greeting: Callable[[str], Awaitable[bool]],
        waits: Waits,
    ) -> None:
        self._socket = socket
        self._question = question
        self._overrides = overrides
        self._shown = shown
        self._is_greeting = is_greeting
        self._waits = waits
        self._order = EventOrder()
        self._error: Json = {}
        self._reason = ""
        self._id = ""

    async def run(self) -> AgentReply:
        """Ask and collect the answer.

        Raises:
            OverrideRefused: ask again with fewer overrides, or none.
            AgentSilent: no text came.
            AnswerBrokenOff: the agent's side ended in the middle of its answer.
            RetryableError, TerminalError: see `Agent`.
        """
        await self._start()
        if FIRST_MESSAGE not in self._overrides:
            await self._skip_greeting()
        await self._question.confirm()
        await self._skip_what_came()
        await self._socket.send_json({"type": "user_message", "text": self._question.text})
        turn, ended = await self._collect()
        tools = tuple(name for name in turn.client_tools if name in self._question.tools)
        if not self._shown(turn.text) and not tools:
            raise AgentSilent(VENDOR, "the agent stayed silent")
        raw = {"conversation_id": self._id, "messages": turn.texts or [turn.text]}
        return AgentReply(
            text=turn.text,
            raw=raw,
            transport="websocket",
            ended=ended,
            tools=tools,
            elevenlabs_conversation_id=self._id,
        )

    @property
    def has_begun(self) -> bool:
        """Whether the vendor let it begin; a failure before that is not an answer to the question."""
        return bool(self._id)

    async def _start(self) -> None:
        await self._socket.send_json(start(self._question, self._overrides))
        try:
            async with asyncio.timeout(self._waits.start):
                await self._wait_for_id()
        except TimeoutError as error:
            raise AgentSilent(VENDOR, "the conversation did not begin") from error
        await self._socket.send_json(context(self._question))

    async def _wait_for_id(self) -> None:
        while not self._id:
            event = await self._receive()
            if event is None:
                closed = self._closed()
                if self._overrides and closed.may_be_overrides():
                    raise OverrideRefused(VENDOR, closed.why or "closed at the start", closed.code)
                raise closed.error(overridden=bool(self._overrides))
            self._id = conversation_id(event) or ""

    async def _skip_greeting(self) -> None:
        """Skip the greeting, which is not an answer: without the override the agent greets as in a call."""
        try:
            async with asyncio.timeout(self._waits.greeting):
                while event := await self._receive():
                    self._order.precede(event)
                    if event.get("type") == "agent_response":
                        return
        except TimeoutError:
            return  # the agent has none
        raise self._closed().error(overridden=False)

    async def _skip_what_came(self) -> None:
        """Skip what has come by now: whatever it is, it was said before the question."""
        await asyncio.sleep(0)  # let the loop read what the network has
        try:
            async with asyncio.timeout(0):
                while event := await self._receive():
                    self._order.precede(event)
        except TimeoutError:
            return
        raise self._closed().error(overridden=bool(self._overrides))

    async def _collect(self) -> tuple[TurnEnd, bool]:
        """Collect until the turn is over; return it, and whether the agent ended the conversation with it."""
        clock = asyncio.get_running_loop().time
        turn = TurnEnd(clock(), self._waits)
        # The turn in case the conversation's first event is part of the answer.
        with_first = TurnEnd(turn.asked_at, self._waits)
        while not turn.complete:
            try:
                async with asyncio.timeout_at(turn.ends_at()):
                    event = await self._receive()
            except TimeoutError:
                break
            if event is None:
                return turn, self._after_close(turn)
            origin = self._order.origin(event)
            if origin is not Origin.EARLIER:
                with_first.feed(event, clock())
            if origin is Origin.ANSWER:
                turn.feed(event, clock())
            elif origin is Origin.FIRST and with_first.settled and not await self._judge(with_first.text):
                turn = with_first
        return turn, turn.ended

    async def _judge(self, text: str) -> bool:
        """Return whether the text of the first event is the greeting, and remember it."""
        is_greeting = await self._is_greeting(text)
        self._order.judge_first(is_greeting=is_greeting)
        return is_greeting

    def _after_close(self, turn: TurnEnd) -> bool:
        """Return whether the agent has ended the conversation for good, which only its own tool does.

        The vendor closes cleanly for other reasons, too: an idle socket, or the maximum duration.
        """
        closed = self._closed()
        if closed.is_out_of_credits:  # what has come may be half an answer, however complete it looks
            raise closed.error(overridden=bool(self._overrides))
        in_order = closed.code == NORMAL_CLOSE and not self._error
        if turn.settled:  # the answer was complete before the connection broke
            return turn.ended
        if in_order and turn.is_whole_at_end:
            return turn.is_ending
        if in_order and turn.has_begun:
            raise AnswerBrokenOff(VENDOR, "ended the conversation within an answer", closed.code)
        if turn.text:  # half an answer: the agent is asked again
            raise RetryableError(VENDOR, "broke off within an answer", closed.code)
        raise closed.error(overridden=bool(self._overrides))

    async def _receive(self) -> Json | None:
        """Return the next event, answering it if it needs an answer at once; None when closed."""
        while (message := await self._socket.receive()).type not in _CLOSING:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = parse_vendor_object(message.data)
            if event.get("type") == "error":
                self._error = child(event, "error_event") or event
            if answer := answer_to(event, self._question.tools):
                await self._socket.send_json(answer)
            return event
        self._reason = message.extra if isinstance(message.extra, str) else ""
        return None

    def _closed(self) -> Closed:
        why = words(self._error, "message") or words(self._error, "reason") or self._reason
        code, said = self._socket.close_code, self._error.get("code")
        if code in (None, LOST_CLOSE) and isinstance(said, int):
            code = said
        return Closed(code=code, kind=words(self._error, "error_type"), why=why)
