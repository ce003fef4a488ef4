"""Every error of the service, as one small tree.

ServiceError
├── ConfigurationError          a setting is missing or malformed; ends the process with code 2
├── InvalidInput                the input cannot be used; names the field
│   └── InvalidNumber           not a phone number
├── VendorError                 a call to Twilio or ElevenLabs did not succeed
│   ├── RetryableError          it certainly had no effect; may be retried after a while
│   │   ├── NumberBusy          the same, for one number only
│   │   └── AccountRefused      the same, for our whole account, key or sender: everybody waits for a person
│   ├── UnknownOutcome          it may have had its effect; must be reconciled before it is retried
│   └── TerminalError           refused for good; a retry cannot help
│       └── OptedOut            refused by ourselves: the person wants no messages
├── Withheld                    a message was not sent: what allowed it had expired on the way to the socket
├── Fenced                      another process owns the partition now; stop at once, acknowledge nothing
├── LogShrank                   a topic has fewer events than were read from it: recreated, or lost its newest
└── Unavailable                 Kafka or Postgres does not answer; nothing was stored
"""

# Vendors' error texts are a sentence or two; they go into events, logs and responses.
_LONGEST_WHY = 1_000


class ServiceError(Exception):
    """Root of the service's own errors."""


class ConfigurationError(ServiceError):
    """A configuration that cannot work: one line that names the variable and says what to do."""


class InvalidInput(ServiceError):
    """Input that cannot be used. `field` is its dotted path, `why` a sentence for the sender."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class InvalidNumber(InvalidInput):
    """Not a phone number in international form."""


class VendorError(ServiceError):
    """A call to a vendor did not succeed. `code` is the vendor's own code or HTTP status."""

    def __init__(self, vendor: str, why: str, code: int | str | None = None) -> None:
        why = why if len(why) <= _LONGEST_WHY else f"{why[: _LONGEST_WHY - 1]}…"
        super().__init__(f"{vendor}: {why}" if code is None else f"{vendor} {code}: {why}")
        self.vendor = vendor
        self.why = why
        self.code = code


class RetryableError(VendorError):
    """A call that certainly had no effect. `retry_after`: seconds the vendor asked for, or None."""

    def __init__(
        self, vendor: str, why: str, code: int | str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(vendor, why, code)
        self.retry_after = retry_after


class NumberBusy(RetryableError):
    """The vendor accepts nothing more for this one number now; other numbers are not affected."""


class AccountRefused(RetryableError):
    """The vendor refuses our account, key or sender, for any number; burn nothing until a person acts."""


class UnknownOutcome(VendorError):
    """A call that may have had its effect."""


class TerminalError(VendorError):
    """A call that was refused for good."""


class OptedOut(TerminalError):
    """The person asked for no more messages. `code` is our own; `since` is ISO 8601, UTC."""

    CODE = "opted_out"

    def __init__(self, since: str) -> None:
        super().__init__(
            "suppression list", f"the number asked for no more messages on {since[:10]}", self.CODE
        )


class Withheld(ServiceError):
    """A message that was certainly not sent, through no fault of the vendor."""


class Fenced(ServiceError):
    """The partition's epoch is no longer ours."""


class Unavailable(ServiceError):
    """Kafka or Postgres does not answer."""


class LogShrank(ServiceError):
    """A topic ends before the point up to which this process has read it."""
