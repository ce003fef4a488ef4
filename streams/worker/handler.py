"""What a mailbox does with its items: calls begin conversations, messages are answered, unknown numbers are parked."""

from datetime import datetime
from typing import Any

import structlog

from schemas.events import CallCompleted, ConversationCommand, InboundMessage
from schemas.phone import masked
from schemas.settings import Settings
from schemas.topics import CALL_COMPLETED
from streams.conversation.call_status import CallStatuses
from streams.conversation.keywords import Keywords
from streams.engine.work import Batch, WorkItem
from streams.failpoints import reach
from streams.journal.journal import Begun, Journal
from streams.metrics import REDELIVERIES
from streams.turns.runner import Runner
from streams.worker.bursts import Bursts
from streams.worker.commands import Commands
from streams.worker.engine import WorkerEngine
from streams.worker.inputs import message_input
from streams.worker.outbox import Outbox
from streams.worker.reminders import Reminder
from streams.worker.revivals import Revivals
from streams.worker.strangers import Strangers

log = structlog.get_logger()

_MINUTE = 60.0


class Handler:
    """Handles one number's batch; returns when it is done, or stored as waiting, and its events have left."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        runner: Runner,
        outbox: Outbox,
        engine: WorkerEngine,
        strangers: Strangers,
        bursts: Bursts,
    ) -> None:
        self._journal = journal
        self._runner = runner
        self._outbox = outbox
        self._engine = engine
        self._strangers = strangers
        self._revivals = Revivals(journal, runner)
        self._bursts = bursts
        self._keywords = Keywords.of(settings)
        self._statuses = CallStatuses(settings)
        self._commands = Commands(settings, journal, runner)
        pace = settings.campaign_messages_per_minute
        self._pace_seconds = _MINUTE / pace if pace else None

    async def __call__(self, batch: Batch) -> None:
        item = batch.first
        reach("before-begin")
        if isinstance(item.value, CallCompleted):
            await self._call(item)
        elif isinstance(item.value, Reminder):
            await self._reminded(item, item.value)
        elif isinstance(item.value, ConversationCommand):
            await self._command(batch, item.value)
        else:
            await self._messages(batch)
        for each in batch.items:
            if each.replayed is not None and each.replayed.wants != "open":
                await self._revive(each)
        await self._outbox.flush(item.source.partition)
        reach("after-flush")

    async def _call(self, item: WorkItem) -> None:
        partition, call, request_id = item.source.partition, item.value, item.request_id
        begun = await self._begin_call(partition, call, request_id, item.at)
        _note_redelivery(begun)
        while begun.turn is not None:
            await self._runner.finish(begun.turn)
            begun = await self._begin_call(partition, call, request_id, item.at)
        await self._reply(partition, call.key, [], request_id)  # whoever wrote before the call arrived

    async def _revive(self, item: WorkItem) -> None:
        if await self._revivals.revive(item) == "forgotten":
            await self._call(item)

    async def _begin_call(
        self, partition: int, call: CallCompleted, request_id: str | None, at: datetime | None = None
    ) -> Begun:
        starts = self._statuses.opening(call.recipient.status) is not None
        return await self._journal.begin_call(
            partition, call, request_id, received_at=at, starts=starts, pace_seconds=self._pace_seconds
        )

    async def _command(self, batch: Batch, command: ConversationCommand) -> None:
        item = batch.first
        partition = item.source.partition
        if not await self._commands.run(partition, command, item.request_id, sure=False):
            await self._engine.calls_caught_up(item.key, partition)
            if call := batch.take_out_of_turn(CALL_COMPLETED):
                await self._call(call)
            await self._commands.run(partition, command, item.request_id, sure=True)
        await self._reply(partition, item.key, [], item.request_id)  # what it let through

    async def _messages(self, batch: Batch) -> None:
        await self._bursts.settle(batch)
        batch.take_following()
        item = batch.first
        inputs = [
            message_input(
                each.value, self._keywords, each.request_id, each.replayed.replay if each.replayed else None, each.trace
            )
            for each in batch.items
            if isinstance(each.value, InboundMessage)
        ]
        if await self._reply(item.source.partition, item.key, inputs, item.request_id):
            return
        await self._engine.calls_caught_up(item.key, item.source.partition)
        if call := batch.take_out_of_turn(CALL_COMPLETED):
            await self._call(call)
        if await self._reply(item.source.partition, item.key, inputs, item.request_id):
            return
        if await self._journal.park(item.source.partition, item.key, inputs):
            log.info("messages of an unknown number wait for its call", number=masked(item.key))
        else:
            await self._reply(item.source.partition, item.key, inputs, item.request_id)

    async def _reminded(self, item: WorkItem, reminder: Reminder) -> None:
        partition = item.source.partition
        if again := (await self._journal.begin_again(partition, item.key)).turn:
            await self._runner.finish(again)
        if await self._reply(partition, item.key, [], None) or reminder.address is None:
            await self._replayed_waiting(partition, item.key)
            return
        if await self._strangers.adopt(partition, item.key, reminder.address):
            await self._reply(partition, item.key, [], None)

    async def _replayed_waiting(self, partition: int, number: str) -> None:
        for kind, event_id, replay in await self._journal.replayed_waiting(number):
            begun = await self._revivals.again(partition, number, kind, event_id, replay)
            if begun.call is not None:
                begun = await self._begin_call(partition, begun.call, None)
                if begun.turn is not None:
                    await self._runner.finish(begun.turn)

    async def _reply(self, partition: int, number: str, inputs: list[Any], request_id: str | None) -> bool:
        """Answer, in their order, everything that waits; False when the number has no conversation."""
        is_first = bool(inputs)
        while True:
            begun = await self._journal.begin_reply(partition, number, inputs, request_id)
            if is_first:
                _note_redelivery(begun)
                is_first = False
            if begun.call is not None:  # it was stored behind a turn that was held
                begun = await self._begin_call(partition, begun.call, request_id)
            elif begun.command is not None:
                await self._commands.run(partition, begun.command, request_id, sure=True)
                inputs = []
                continue
            elif begun.state == "silent":  # taken up, not to be answered; there may be more behind it
                inputs = []
                continue
            elif begun.turn is None:
                return begun.state != "unknown"
            if begun.turn is not None:
                await self._runner.finish(begun.turn)


def _note_redelivery(begun: Begun) -> None:
    """Nothing is left to do for an event that just came, or its turn has begun: it came before."""
    if begun.state in ("done", "open"):
        REDELIVERIES.inc()
