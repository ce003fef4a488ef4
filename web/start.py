"""What must be there before the gateway serves."""

import structlog

from clients.service_token import SHORTEST_TOKEN, short_tokens
from schemas.settings import Settings, require

log = structlog.get_logger()


def check(settings: Settings) -> None:
    """Check what would otherwise fail at the first request; warn of what makes routes refuse everybody.

    Raises:
        ConfigurationError: names the variable.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    settings.operators()
    for name, route in (("microservice_token", "/api"), ("twilio_auth_token", "/webhook/twilio")):
        if getattr(settings, name) is None:
            log.warning("not configured, every request is refused", variable=name.upper(), route=route)


def warn(settings: Settings) -> None:
    """Warn of what works but should not stay so. A start that fails tells its one line, not this."""
    for variable in short_tokens(settings):
        log.warning("a token is short enough to be guessed", variable=variable, should_have=SHORTEST_TOKEN)
