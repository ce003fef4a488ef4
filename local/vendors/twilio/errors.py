"""Twilio's errors: a body with four keys, and Twilio's text for the codes that the simulator uses."""

from dataclasses import dataclass

from aiohttp import web

_WORDS = {
    20001: "Invalid parameter value",
    20003: "Authenticate",
    20005: "Account not active",
    20009: "Cannot delete this resource before the message is complete",
    20404: "The requested resource was not found",
    20429: "Too many concurrent requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    21211: "The 'To' number is not a valid phone number.",
    21602: "Message body is required.",
    21608: "The number is unverified. Trial accounts cannot send messages to unverified numbers",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    21654: "ContentSid Required",
    21655: "The ContentSid is Invalid",
    21656: "The Content Variables parameter is invalid.",
    21910: "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel",
    30002: "Account suspended",
    63003: "Channel could not find To address",
    63007: "Twilio could not find a Channel with the specified From address",
    63015: "Channel Sandbox can only send messages to phone numbers that have joined the Sandbox",
    63016: "Failed to send freeform message because you are outside the allowed window.",
    63018: "Rate limit exceeded for Channel",
    63024: "Invalid message recipient",
    63028: "Number of parameters provided does not match the expected number of parameters",
    63041: "The template is paused",
    63051: "WhatsApp Business Account has been locked",
    63112: "The Meta and/or WhatsApp Business Accounts connected to this Sender were disabled by Meta",
}
_CODES = {400: 20001, 401: 20003, 403: 20003, 404: 20404, 409: 20009, 429: 20429, 503: 20503}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request: HTTP status and Twilio's code."""

    status: int
    code: int
    words: str = ""

    def answer(self) -> web.Response:
        return error(self.status, self.code, self.words)


def error(status: int, code: int, words: str = "") -> web.Response:
    """Return Twilio's error response."""
    text = words or words_of(code)
    body = {
        "code": code,
        "message": text,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(body, status=status)


def error_of_status(status: int) -> web.Response:
    """Return the response for a status."""
    return error(status, _CODES.get(status, 20500))


def words_of(code: int) -> str:
    """Return Twilio's text for a code."""
    return _WORDS.get(code, "Refused")
