"""Run the simulated Twilio as a process: `python -m local.vendors.twilio`."""

import asyncio

import typer

from local.server import serve
from local.vendors.twilio.routes import application
from local.vendors.twilio.simulator import TwilioSimulator


def main(
    webhook_url: str,
    account_sid: str = typer.Option(..., envvar="TWILIO_ACCOUNT_SID"),
    auth_token: str = typer.Option(..., envvar="TWILIO_AUTH_TOKEN"),
    sender: str = typer.Option("whatsapp:+14155238886", envvar="TWILIO_WHATSAPP_FROM"),
    port: int = 0,
) -> None:
    """Serve until SIGTERM. WEBHOOK_URL is where clients' messages are posted."""
    simulator = TwilioSimulator(account_sid, auth_token, webhook_url, sender)
    asyncio.run(serve(application(simulator), port))


typer.run(main)
