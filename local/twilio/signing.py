"""`X-Twilio-Signature`, made as Twilio documents it (usage/webhooks/webhooks-security).

Written apart from Twilio's library, so that a test can check the one against the other.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit


def signature(token: str, url: str, params: Mapping[str, str]) -> str:
    """Give the signature of a form post: HMAC-SHA1 over the URL and the sorted names and values."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def signed_form_of(url: str) -> str:
    """Give a URL as it is signed: without fragment and without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, fragment="").geturl()
