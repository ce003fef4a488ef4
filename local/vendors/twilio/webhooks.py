"""Inbound messages on their way to the service: webhook, fallback and replies.

A message that fails is dropped, but stays listable.
"""

from dataclasses import dataclass, field
from typing import Any

from local.vendors.twilio.account import Account
from local.vendors.twilio.messages import Ledger, Message, new_sid, now
from local.vendors.twilio.post import Answer, Poster
from local.vendors.twilio.twiml import TwimlResult, read_answer

_NO_CONNECTION = 11205
_HTTP_FAILURE = 11200


@dataclass(slots=True)
class Debugger:
    """Twilio's debugger: what went wrong with webhooks."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def note(self, code: int, message: Message, url: str, answer: Answer) -> None:
        self.entries.append(
            {
                "code": code,
                "sid": message.sid,
                "url": url,
                "status": answer.status,
                "tries": answer.tries,
                "at": now().isoformat(),
            }
        )


class Webhooks:
    """Delivers what clients write."""

    def __init__(self, poster: Poster, ledger: Ledger) -> None:
        self.debugger = Debugger()
        self._poster = poster
        self._ledger = ledger

    async def inbound(self, message: Message, account: Account, params: dict[str, str]) -> int:
        """Deliver one message; return the HTTP status of the first URL, or 0 if it gave none."""
        url = account.webhook_url
        answer = await self._poster.post(url, params, account.token, account.signed_url)
        if problem := self._took(message, answer):
            self.debugger.note(problem, message, url, answer)
            if account.fallback_url:
                await self._fall_back(message, account, params | {"ErrorCode": str(problem), "ErrorUrl": url})
        return answer.status

    async def _fall_back(self, message: Message, account: Account, params: dict[str, str]) -> None:
        answer = await self._poster.post(account.fallback_url, params, account.token)
        if problem := self._took(message, answer):
            self.debugger.note(problem, message, account.fallback_url, answer)

    def _took(self, message: Message, answer: Answer) -> int | None:
        """Take an answer's replies; return the debugger's code if something is wrong with it."""
        if answer.failure:
            return _NO_CONNECTION if answer.failure == "ct" else _HTTP_FAILURE
        result: TwimlResult = read_answer(answer.status, answer.content_type, answer.text)
        for text, media in result.replies:
            self.reply(message, text or media)
        return result.problem

    def reply(self, message: Message, text: str) -> Message:
        """Add a reply by Twilio itself."""
        return self._ledger.add(
            Message(
                sid=new_sid(),
                account=message.account,
                to=message.from_,
                from_=message.to,
                body=text,
                direction="outbound-reply",
                status="delivered",
                created=now(),
                sent=now(),
            )
        )
