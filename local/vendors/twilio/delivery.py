"""What becomes of an accepted message: it queues, is sent, delivered and read, or fails; each is reported."""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local.faults import Faults, Latency
from local.vendors.twilio.account import Account
from local.vendors.twilio.errors import words_of
from local.vendors.twilio.messages import API_VERSION, Message, now
from local.vendors.twilio.post import Poster

_FINAL_FAILURES = {63016: "undelivered", 63024: "undelivered", 21610: "undelivered"}
"""With any other code the message is `failed`: it did not leave Twilio."""


@dataclass(slots=True)
class SenderQueue:
    """Drains `mps` messages a second per sender; refuses what would wait longer than `seconds`."""

    mps: float = 80.0
    seconds: float = 4 * 3600.0
    _free_at: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def wait_of(self, sender: str) -> float:
        """Return how many seconds a new message would wait now."""
        return max(0.0, self._free_at[sender] - time.monotonic())

    def full(self, sender: str) -> bool:
        return self.wait_of(sender) > self.seconds

    def take(self, sender: str) -> float:
        """Take a slot; return the seconds until it comes."""
        wait = self.wait_of(sender)
        self._free_at[sender] = time.monotonic() + wait + 1 / self.mps
        return wait

    def clear(self) -> None:
        self._free_at.clear()


@dataclass(frozen=True, slots=True)
class Report:
    """One status to report."""

    status: str
    error_code: int | None = None


class Delivery:
    """Advances messages in the background."""

    def __init__(self, poster: Poster, faults: Faults) -> None:
        self.queue = SenderQueue()
        self.pause = Latency(20, 10)
        self.statuses = ["sent", "delivered", "read"]
        self._poster = poster
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()

    def reports_of(self, failure: int | None) -> list[Report]:
        """Return what will be reported; the initial status never is."""
        if failure is None:
            return [Report(status) for status in self.statuses]
        status = _FINAL_FAILURES.get(failure, "failed")
        return [*([Report("sent")] if status == "undelivered" else []), Report(status, failure)]

    async def begin(self, message: Message, account: Account, callback: str, failure: int | None) -> None:
        """Start advancing a message and return at once.

        If the fault `callback-early` fires, wait until it has made the first report, before the answer.
        """
        reports = self.reports_of(failure)
        if self._faults.fires("callback-reorder"):
            random.shuffle(reports)
        if self._faults.fires("callback-early"):
            await self._happen(message, account, callback, reports.pop(0))
        task = asyncio.create_task(self._carry(message, account, callback, reports), name="delivery")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, message: Message, account: Account, callback: str, reports: list[Report]) -> None:
        await asyncio.sleep(self.queue.take(message.from_))
        for report in reports:
            await self.pause.wait()
            await self._happen(message, account, callback, report)

    async def _happen(self, message: Message, account: Account, callback: str, report: Report) -> None:
        if message.status == "canceled":
            return
        message.status, message.error_code = report.status, report.error_code
        message.sent = message.sent or now()
        if not callback or self._faults.fires("callback-drop"):
            return
        if late := self._faults.take("callback-delay"):
            await asyncio.sleep(late.seconds or 1.0)
        for _ in range(1 + self._faults.fires("callback-duplicate")):
            await self._poster.post(
                callback, params_of(message, report), account.token, signed(callback, account)
            )

    def clear(self) -> None:
        """Drop what is under way."""
        self.queue.clear()
        for task in self._tasks:
            task.cancel()


def params_of(message: Message, report: Report) -> dict[str, str]:
    """Return a status callback's parameters."""
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": report.status,
        "SmsStatus": report.status,
        "AccountSid": message.account,
        "From": message.from_,
        "To": message.to,
        "ApiVersion": API_VERSION,
        "ChannelPrefix": "whatsapp",
        "ChannelInstallSid": "XE" + "0" * 32,
    }
    if report.status == "read":
        params["EventType"] = "READ"
    if report.error_code is not None:
        words = words_of(report.error_code)
        params |= {"ErrorCode": str(report.error_code), "ErrorMessage": words, "ChannelStatusMessage": words}
    return params


def signed(url: str, account: Account) -> str:
    """Return the URL that a callback's signature covers: the public one if the account has one."""
    if not account.signed_url:
        return ""
    public, called = urlsplit(account.signed_url), urlsplit(url)
    return called._replace(scheme=public.scheme, netloc=public.netloc, fragment="").geturl()
