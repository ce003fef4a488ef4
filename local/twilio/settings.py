"""What a simulated account is, and how it behaves."""

from dataclasses import dataclass

SANDBOX_SENDER = "whatsapp:+14155238886"
"""The sender of Twilio's public WhatsApp sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the account behaves; each field can be changed while it runs (`POST /_sim/settings`).

    Probabilities are 0..1 and drawn for each callback (drop, duplicate) or for each message (reorder).
    """

    latency_ms: float = 0.0
    spread_ms: float = 0.0
    callbacks: tuple[str, ...] = ("sent", "delivered", "read")
    callback_delay_ms: float = 20.0  # before each
    callback_spread_ms: float = 10.0
    callback_reorder: float = 0.0
    callback_duplicate: float = 0.0
    callback_drop: float = 0.0
    callback_before_response: bool = False  # the first one is delivered before the create is answered
    list_lag_seconds: float = 0.0  # younger messages are not listed yet
    max_concurrent: int = 0  # more requests at once get 429/20429; 0: no bound
    retry_after_seconds: int = 1  # of the fault `429-retry-after`
    hang_seconds: float = 60.0  # longer than any client's time-out
    enforce_window: bool = False  # free text without a client's message in the last 24 h: 63016


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings:
    """One account with one WhatsApp sender.

    `webhook_url`: where clients' messages are posted. `public_url`: the base that the service believes to be
    called under; signatures are made over it while requests go to `webhook_url`'s host.
    """

    account_sid: str
    auth_token: str
    webhook_url: str
    sender: str = SANDBOX_SENDER
    public_url: str | None = None
    port: int = 0  # 0 takes a free one
    behaviour: Behaviour = Behaviour()
