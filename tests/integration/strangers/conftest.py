"""One `web`, shared by this folder's tests, to which strangers, clients and operators do what they like."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers import Databases
from tests.support.web_process import Web, running_web


@pytest.fixture(scope="package")
def database(databases: Databases, migrated: str) -> str:
    """URL of the database of this folder's processes."""
    return asyncio.run(databases.create(migrated))[1]


@pytest.fixture(scope="package")
def web(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with running_web(database, tmp_path_factory.mktemp("strangers") / "web.log") as running:
        yield running


@pytest.fixture
def client(web: Web) -> Iterator[httpx.Client]:
    """A stranger's client."""
    with httpx.Client(base_url=web.url, timeout=30) as client:
        yield client
