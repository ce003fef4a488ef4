"""Twilio's errors in their four-key shape."""

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: Twilio's code, its words, the HTTP status."""

    code: int
    words: str
    status: int = 400

    def response(self, headers: dict[str, str] | None = None) -> web.Response:
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": self.words, "more_info": more, "status": self.status}
        return web.json_response(body, status=self.status, headers=headers)


NOT_FOUND = Refusal(20404, "The requested resource was not found", 404)
UNAUTHORIZED = Refusal(20003, "Authenticate", 401)
TOO_MANY = Refusal(20429, "Too Many Requests", 429)
INTERNAL = Refusal(20500, "Internal Server Error", 500)
UNAVAILABLE = Refusal(20503, "Service Unavailable", 503)
INVALID_DATE = Refusal(20001, "Invalid date value")

_NUMBER_WORDS = {
    21211: "The 'To' number {to} is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region of the 'To' number: {to}.",
    21608: "The number {to} is unverified. Trial accounts cannot send messages to unverified numbers",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21614: "'To' number is not a valid mobile number",
    63003: "Channel could not find To address",
    63015: "Channel Sandbox can only send messages to phone numbers that have joined the Sandbox",
    63016: "Failed to send freeform message because you are outside the allowed window",
    63024: "Invalid message recipient",
    63032: "We cannot send this message to the user because of a WhatsApp limitation",
}
_STATUS_OF_CODE = {20003: 401, 20404: 404, 20429: 429}
# Queue, carrier and channel errors come after the create was accepted; 63007 (no such sender) at once.
_LATE_CODES = (range(30000, 31000), range(63000, 64000))
_NO_SENDER = 63007


def is_late(code: int) -> bool:
    """Tell whether a code comes by status callback, after a 201."""
    return code != _NO_SENDER and any(code in codes for codes in _LATE_CODES)


def words_of(code: int, to: str) -> str:
    """Give Twilio's words for a code that belongs to a recipient."""
    return _NUMBER_WORDS.get(code, "The message cannot be sent").format(to=to)


def refusal_of(code: int, to: str) -> Refusal:
    return Refusal(code, words_of(code, to), _STATUS_OF_CODE.get(code, 400))
