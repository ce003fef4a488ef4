"""Tokens for SASL/OAUTHBEARER: by client credentials (RFC 6749, 4.4), or from the operator's function."""

import asyncio
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from clients.http import BROKE_OFF, Answer, ask, open_session
from schemas.errors import ConfigurationError
from schemas.settings import Settings

log = structlog.get_logger()

# Less than a client waits for a connection.
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
# A token is a few kB.
_LARGEST_ANSWER = 64 * 1024
# A token is replaced with a fifth of its life left, so that no connection begins with an expiring one.
_USED_SHARE = 0.8
# RFC 6749 leaves `expires_in` to the server; without it a token is used for a minute.
_DEFAULT_SECONDS = 60.0
_OK = 200
_PROVIDER = "KAFKA_OAUTH_TOKEN_PROVIDER"


def token_provider(settings: Settings) -> AbstractTokenProvider:
    """Return the provider of tokens. All clients of a process share those obtained by client credentials.

    Raises:
        ConfigurationError: a variable is missing, or the function does not exist.
    """
    if settings.kafka_oauth_token_provider is not None:
        return ProvidedToken(_function(settings.kafka_oauth_token_provider))
    url, user, secret = (
        settings.kafka_oauth_token_url,
        settings.kafka_sasl_username,
        settings.kafka_sasl_password,
    )
    if url is None or user is None or secret is None:
        raise ConfigurationError(
            "KAFKA_OAUTH_TOKEN_URL, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: needed by OAUTHBEARER, "
            "or KAFKA_OAUTH_TOKEN_PROVIDER"
        )
    return _client_credentials(url, user, secret, settings.kafka_oauth_scope)


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    """Tokens from the authorization server, each kept for most of its life. Used by several event loops."""

    def __init__(
        self,
        url: str,
        user: str,
        secret: str,
        scope: str | None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._form = urlencode(
            {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        ).encode()
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(user, secret),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._steady = steady
        self._token = ""
        self._until = 0.0

    async def token(self) -> str:
        """Return a token that has not expired.

        Raises:
            KafkaConnectionError: the server gives none; aiokafka tries again.
        """
        if self._steady() >= self._until:
            begun = self._steady()
            self._token, seconds = await self._fetch()
            self._until = begun + seconds * _USED_SHARE
        return self._token

    async def _fetch(self) -> tuple[str, float]:
        """Return a new token, and for how many seconds it is valid."""
        try:
            answer = await self._ask()
        except BROKE_OFF as error:
            raise _no_token("KAFKA_OAUTH_TOKEN_URL", type(error).__name__) from error
        if answer.status != _OK:
            raise _no_token("KAFKA_OAUTH_TOKEN_URL", f"it answers {answer.status}")
        try:
            found = answer.json()
            return str(found["access_token"]), float(found.get("expires_in") or _DEFAULT_SECONDS)
        except (ValueError, KeyError, TypeError) as error:
            raise _no_token("KAFKA_OAUTH_TOKEN_URL", "its answer has no access_token") from error

    async def _ask(self) -> Answer:
        async with open_session(_TIMEOUT, most=1) as session:
            return await ask(
                session, "POST", self._url, headers=self._headers, data=self._form, most=_LARGEST_ANSWER
            )


class ProvidedToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    """Tokens from a function, which returns a token or (token, …).

    It is called for each connection, in a thread, because it may wait for somebody.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    async def token(self) -> str:
        """Return the function's token.

        Raises:
            KafkaConnectionError: the function fails; aiokafka tries again.
        """
        try:
            found = await asyncio.to_thread(self._function)
        except Exception as error:
            raise _no_token(_PROVIDER, type(error).__name__) from error
        return str(found[0] if isinstance(found, tuple) else found)


def _no_token(variable: str, why: str) -> KafkaConnectionError:
    """Log the cause where it is known: aiokafka reports all failed connections alike."""
    log.error("no token for Kafka", variable=variable, why=why)
    return KafkaConnectionError(f"no token: {why}")


@cache
def _client_credentials(url: str, user: str, secret: str, scope: str | None) -> ClientCredentials:
    return ClientCredentials(url, user, secret, scope)


def _function(name: str) -> Callable[[], Any]:
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or f"{module}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"{_PROVIDER}: {error}; write it as module:function, on PYTHONPATH"
            ) from error
        raise ConfigurationError(
            f"{_PROVIDER}: {module} needs {error.name}, which is not there; install it beside the service"
        ) from error
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"{_PROVIDER}: {error}; write it as module:function") from error
    except Exception as error:
        raise ConfigurationError(
            f"{_PROVIDER}: {module} fails when it is loaded: {type(error).__name__}"
        ) from error
    if not callable(found):
        raise ConfigurationError(f"{_PROVIDER}: is no function; write it as module:function")
    return found  # type: ignore[no-any-return]
