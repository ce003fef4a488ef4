"""What a simulated Twilio was told to send to a number."""

from tests.support.deadline import eventually
from tests.support.simulators import Simulator

_NUMBER = "+573138539155"
# A send under way when its worker died is looked up for TWILIO_UNKNOWN_PATIENCE_SECONDS (60).
_SECONDS = 120.0


def said(twilio: Simulator, number: str = _NUMBER) -> list[str]:
    """Return the bodies sent to a number, oldest first."""
    rows = [row for row in twilio.read() if row["direction"] != "inbound" and row["to"].endswith(number)]
    return [row["body"] for row in rows]


async def until_said(twilio: Simulator, text: str, number: str = _NUMBER) -> None:
    """Wait until a text was sent to a number."""

    async def look() -> bool:
        return text in "\n".join(said(twilio, number))

    await eventually(look, _SECONDS)
