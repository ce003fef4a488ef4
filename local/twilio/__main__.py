"""`python -m local.twilio`: the simulated Twilio as a process."""

import asyncio
from typing import Annotated

import typer

from local.server import serve
from local.twilio.api import TwilioSimulator
from local.twilio.settings import SANDBOX_SENDER, Behaviour, TwilioSettings


def main(
    account_sid: Annotated[str, typer.Option(envvar="TWILIO_ACCOUNT_SID")],
    auth_token: Annotated[str, typer.Option(envvar="TWILIO_AUTH_TOKEN")],
    target: Annotated[str, typer.Argument(metavar="[WEBHOOK_URL]")] = "",
    webhook_url: Annotated[str, typer.Option(help="Where clients' messages are posted.")] = "",
    public_url: Annotated[str, typer.Option(envvar="PUBLIC_BASE_URL", help="What is signed.")] = "",
    sender: Annotated[str, typer.Option(envvar="TWILIO_WHATSAPP_FROM")] = SANDBOX_SENDER,
    latency_ms: float = 0.0,
    spread_ms: float = 0.0,
    port: int = 0,
) -> None:
    """Serve until SIGTERM; prints one JSON line `{"url": …}` when ready."""
    if not (webhook_url or target):
        raise typer.BadParameter("say where clients' messages are posted", param_hint="--webhook-url")
    settings = TwilioSettings(
        account_sid=account_sid,
        auth_token=auth_token,
        webhook_url=webhook_url or target,
        public_url=public_url or None,
        sender=sender,
        behaviour=Behaviour(latency_ms=latency_ms, spread_ms=spread_ms),
    )
    asyncio.run(serve(TwilioSimulator(settings).application(), port))


if __name__ == "__main__":
    typer.run(main)
