"""Delivery reports: what Twilio posts while a message moves on."""

import asyncio
import random

from local.latency import Latency
from local.twilio.account import Account
from local.twilio.errors import words_of
from local.twilio.messages import API_VERSION, Message, new_sid


class Callbacks:
    """The reports of one account; each message's are a task of their own."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, message: Message, url: str, failure: int | None) -> None:
        """Let a message move on. `failure`: an error code that it ends with instead of being delivered."""
        plan = self._plan(failure)
        if self._account.behaviour.callback_before_response:
            await self._step(message, url, plan[0], failure) if plan else None
            plan = plan[1:]
        task = asyncio.create_task(self._move_on(message, url, plan, failure), name="status callbacks")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _plan(self, failure: int | None) -> list[str]:
        behaviour = self._account.behaviour
        plan = ["undelivered"] if failure else list(behaviour.callbacks)
        plan = [status for status in plan for _ in range(1 + _chance(behaviour.callback_duplicate))]
        if _chance(behaviour.callback_reorder):
            plan.reverse()
        return plan

    async def _move_on(self, message: Message, url: str, plan: list[str], failure: int | None) -> None:
        behaviour = self._account.behaviour
        pause = Latency(behaviour.callback_delay_ms, behaviour.callback_spread_ms)
        for status in plan:
            await pause.wait()
            await self._step(message, url, status, failure)

    async def _step(self, message: Message, url: str, status: str, failure: int | None) -> None:
        message.advance(status)
        if failure:
            message.error_code, message.error_message = failure, words_of(failure, message.to)
        account = self._account
        dropped = _chance(account.behaviour.callback_drop) or account.faults.fires("drop-callbacks")
        if url and not dropped:
            params = report_parameters(account.settings.account_sid, message, status)
            await account.poster.post(url, params, f"st-{message.sid}-{status}")

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


def report_parameters(account_sid: str, message: Message, status: str) -> dict[str, str]:
    """Give the form of a status callback."""
    params = {
        "MessageSid": message.sid, "SmsSid": message.sid, "MessageStatus": status, "SmsStatus": status,
        "AccountSid": account_sid, "From": message.from_, "To": message.to, "ApiVersion": API_VERSION,
        "ChannelPrefix": "whatsapp", "ChannelInstallSid": _INSTALL_SID,
    }  # fmt: skip
    if status == "read":
        params["EventType"] = "READ"
    if message.error_code:
        words = message.error_message or ""
        params |= {"ErrorCode": str(message.error_code), "ChannelStatusMessage": words, "ErrorMessage": words}
    return params


_INSTALL_SID = new_sid("XE")


def _chance(probability: float) -> bool:
    return random.random() < probability  # noqa: S311 - no secret
