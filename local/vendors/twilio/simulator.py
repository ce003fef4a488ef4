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
    """Some accounts, their messages, and what WhatsApp makes of them.

    `max_concurrent`: requests at once before 429 (0: no bound); `list_lag_seconds`: how old a message is when the list
    shows it, `list_spread_seconds`: up to so much more, each by itself, `list_unordered`: those of one second have no
    order;
    `media_redirect`: media come from another host, as the real ones do.
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
        self.requests = 0  # being answered now

    def reset(self) -> None:
        """Forget all that happened and all that was armed; settings and accounts stay."""
        people = self.people
        for part in (self.delivery, self.ledger, self.faults, people.rules, people.last_inbound, people.stopped,
                     people.tier, people.identities, self.templates.by_sid, self.indicators,
                     self.webhooks.debugger.entries):  # fmt: skip
            part.clear()

    async def close(self, _: web.Application) -> None:
        self.delivery.clear()
        await self.poster.close()
