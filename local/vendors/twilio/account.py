"""An account of the simulated Twilio: credentials, senders, webhook URLs, and who may ask for what."""

import base64
import hmac
from dataclasses import dataclass, field

from aiohttp import web

from local.vendors.twilio.errors import error


@dataclass(slots=True, kw_only=True)
class Account:
    """One account."""

    sid: str
    token: str
    senders: set[str]
    #: For inbound messages, including the fragment.
    webhook_url: str
    fallback_url: str = ""
    #: The URL that is signed instead, where a proxy shows the world another address.
    signed_url: str = ""
    #: API keys, from `SK…` to secret.
    keys: dict[str, str] = field(default_factory=dict)

    def allows(self, authorization: str) -> bool:
        """Return whether basic auth is this account's, with its token or one of its keys."""
        known = {self.sid: self.token, **self.keys}
        return any(hmac.compare_digest(authorization.encode(), _basic(*pair)) for pair in known.items())


class Accounts:
    """All accounts; the first is the one under test."""

    def __init__(self, first: Account) -> None:
        self.first = first
        self.by_sid = {first.sid: first}

    def authorized(self, request: web.Request) -> Account | web.Response:
        """Return the account that a request may act for, or Twilio's refusal."""
        given = request.headers.get("Authorization", "")
        wanted = request.match_info.get("account")
        for account in [self.by_sid[wanted]] if wanted in self.by_sid else self.by_sid.values():
            if account.allows(given):
                return account if wanted in (None, account.sid) else error(401, 20003)
        return error(401, 20003)


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())
