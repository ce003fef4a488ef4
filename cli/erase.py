"""`erase NUMBER`: a person is forgotten, in the order of the number's own events."""

import typer

from cli.conversation import run_command
from schemas.phone import conversation_key, masked
from schemas.settings import Settings

_REMAINS = (
    "What remains: the opt-out, if there is one, so that nobody writes again; ids without anything else; in Kafka, events "
    "until their topics' retention ends ({hours} h), which no replay brings back; and what Twilio and ElevenLabs keep."
)


def run_erase(settings: Settings, number: str, *, yes: bool, as_json: bool) -> int:
    """Erase after a confirmation; 1 when it was declined or could not be done yet.

    Raises:
        InvalidInput: not a number.
        ConfigurationError, Unavailable: nothing was sent.
    """
    key = conversation_key(number)
    if not yes and not typer.confirm(f"Erase the conversation, messages and log of {masked(key)} for good?", err=True):
        return 1
    code = run_command(settings, key, {"command": "erase"}, as_json=as_json)
    if code == 0 and not as_json:
        print(_REMAINS.format(hours=settings.topic_retention_hours))
    return code
