"""Tokens for Kafka: fetched once for most of their life, or made by the operator's own function."""

import re
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from clients.kafka.connection import principal
from clients.kafka.oauth import ClientCredentials, token_provider
from schemas.errors import ConfigurationError
from schemas.settings import load_settings
from tests.support.up import ROOT


class Server:
    """An authorization server. `answers`: what comes next, the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answers: list[web.Response] = []
        self.url = ""

    async def give(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == encode_basic_auth("id", "secret")
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        return self.answers.pop(0)

    def tells(self, body: object, status: int = 200) -> None:
        self.answers.append(web.json_response(body, status=status))

    def client(
        self, scope: str | None = None, steady: Callable[[], float] = time.monotonic
    ) -> ClientCredentials:
        return ClientCredentials(self.url, "id", "secret", scope, steady)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told, application = Server(), web.Application()
    application.router.add_post("/token", told.give)
    async with TestServer(application) as running:
        told.url = str(running.make_url("/token"))
        yield told


async def test_a_token_is_kept_for_most_of_its_life(server: Server) -> None:
    now = [1000.0]
    server.tells({"access_token": "first", "expires_in": 100})
    server.tells({"access_token": "second"})
    client = server.client("kafka", lambda: now[0])
    assert [await client.token(), await client.token()] == ["first", "first"]
    now[0] += 79
    assert await client.token() == "first"
    now[0] += 1
    assert await client.token() == "second"
    assert server.asked == [{"grant_type": "client_credentials", "scope": "kafka"}] * 2


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"error": "invalid_client"}, 401, "it answers 401"),
        ({"token": "secret"}, 200, "its answer has no access_token"),
        (["access_token"], 200, "its answer has no access_token"),
        ({"access_token": "t", "expires_in": "soon"}, 200, "its answer has no access_token"),
    ],
)
async def test_why_there_is_none_is_said(server: Server, body: object, status: int, why: str) -> None:
    server.tells(body, status)
    with capture_logs() as logs, pytest.raises(KafkaConnectionError):
        await server.client().token()
    assert [(line["variable"], line["why"]) for line in logs] == [("KAFKA_OAUTH_TOKEN_URL", why)]


async def test_nobody_listens() -> None:
    with capture_logs() as logs, pytest.raises(KafkaConnectionError):
        await ClientCredentials("http://127.0.0.1:9/token", "id", "secret", None).token()
    assert [line["why"] for line in logs] == ["ClientConnectorError"]


@pytest.mark.parametrize(
    ("code", "token"),
    [
        ("return 'signed'", "signed"),
        ("return 'signed', 900000", "signed"),
        ("raise OSError('no credentials')", None),
    ],
)
async def test_a_function_of_the_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, token: str | None
) -> None:
    (tmp_path / "signing.py").write_text(f"def token():\n    {code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "signing", raising=False)
    provider = token_provider(load_settings({"KAFKA_OAUTH_TOKEN_PROVIDER": "signing:token"}))
    if token is None:
        with pytest.raises(KafkaConnectionError):
            await provider.token()
    else:
        assert await provider.token() == token


@pytest.mark.parametrize("name", ["nowhere:token", "sys:nothing", "sys", "sys:path", ":token"])
def test_a_function_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_OAUTH_TOKEN_PROVIDER: .*module:function"):
        token_provider(load_settings({"KAFKA_OAUTH_TOKEN_PROVIDER": name}))


_MSK = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.S)


@pytest.fixture
def msk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the page shows for MSK, with nothing beside it."""
    assert _MSK is not None
    name, code = re.match(r" *# (\w+)\.py", _MSK[1])[1], textwrap.dedent(_MSK[1])  # type: ignore[index]
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in (name, "aws_msk_iam_sasl_signer"):
        sys.modules.pop(module, None)


_SIGNER = """
class MSKAuthTokenProvider:
    @staticmethod
    def generate_auth_token(region):
        return f"signed for {region}", 1_900_000_000_000
"""


async def test_the_function_for_msk_signs_with_amazons_package(msk: Path) -> None:
    (msk / "aws_msk_iam_sasl_signer.py").write_text(_SIGNER)
    provider = token_provider(load_settings({"KAFKA_OAUTH_TOKEN_PROVIDER": "msk:token"}))
    assert await provider.token() == "signed for eu-west-1"


def test_without_amazons_package_that_is_said(msk: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="msk needs aws_msk_iam_sasl_signer, which is not there; install it"
    ):
        token_provider(load_settings({"KAFKA_OAUTH_TOKEN_PROVIDER": "msk:token"}))


def test_a_file_that_fails_when_it_is_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_signing.py").write_text("import os\nREGION = os.environ['NO_SUCH_REGION']\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="broken_signing fails when it is loaded: KeyError"):
        token_provider(load_settings({"KAFKA_OAUTH_TOKEN_PROVIDER": "broken_signing:token"}))


def test_who_we_are_to_kafka() -> None:
    sasl = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "ana"}
    assert principal(load_settings(sasl)) == "User:ana"
    assert (
        principal(load_settings(sasl | {"KAFKA_SASL_MECHANISM": "OAUTHBEARER"}))
        == "the subject of the tokens of ana"
    )
    assert principal(load_settings({"KAFKA_SECURITY_PROTOCOL": "SSL"})) == "User:ANONYMOUS"
