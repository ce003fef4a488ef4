"""The simulated Twilio: its parts in one place. `routes` serve it, `control` steers it."""

from aiohttp import web

from local.faults import Faults, Latency
from local.vendors.trouble import Trouble
from local.vendors.twilio.account import Account, Accounts
from local.vendors.twilio.delivery import Delivery
from local.vendors.twilio.errors import error_of_status
from local.vendors.twilio.messages import Ledger
from local.vendors.twilio.post import Poster
from local.vendors.twilio.rules import People
from local.vendors.twilio.templates import Templates
from local.vendors.twilio.webhooks import Webhooks


class TwilioSimulator:
    """A few accounts, their messages, and what WhatsApp does with them.

    Attributes:
        max_concurrent: Requests at once before 429 (0: no limit).
        list_lag_seconds: How old a message is when the list shows it.
        list_spread_seconds: Up to this many more seconds, different for each message.
        list_unordered: Whether messages of the same second have no order.
        media_redirect: Whether media come from another host, as the real ones do.
    """

    def __init__(self, account: str, token: str, webhook_url: str, sender: str) -> None:
        self.accounts = Accounts(Account(sid=account, token=token, senders={sender}, webhook_url=webhook_url))
        self.ledger = Ledger()
        self.templates = Templates()
        self.people = People()
        self.faults = Faults()
        self.trouble = Trouble(self.faults, error_of_status)
        self.latency = Latency()
        self.poster = Poster()
        self.delivery = Delivery(self.poster, self.faults)
        self.webhooks = Webhooks(self.poster, self.ledger)
        self.indicators: list[dict[str, str]] = []
        self.list_lag_seconds = self.list_spread_seconds = 0.0
        self.list_unordered = False
        self.max_concurrent = 0
        self.media_redirect = False
        self.requests = 0  # currently being answered

    def reset(self) -> None:
        """Forget everything that happened or was armed; settings and accounts stay."""
        people = self.people
        for part in (
            self.delivery,
            self.ledger,
            self.faults,
            people.rules,
            people.last_inbound,
            people.stopped,
            people.tier,
            people.identities,
            self.templates.by_sid,
            self.indicators,
            self.webhooks.debugger.entries,
        ):
            part.clear()

    async def close(self, _: web.Application) -> None:
        self.delivery.clear()
        await self.poster.close()
