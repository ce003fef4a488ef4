"""Debian's nginx with `ops/nginx.conf` before the gateway: TLS, nothing but the doors, valid signatures."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.process import LOOPBACK, free_port
from tests.support.deadline import eventually
from tests.support.gateway import AUTH, Fakes, gateway, message, signed
from tests.support.servers import ROOT
from tests.support.tls import Certificates, make_certificates

# Debian has it where only root's PATH leads to.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
INCOMING = "/webhook/twilio/incoming"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_STOP_SECONDS = 10.0

pytestmark = pytest.mark.skipif(
    NGINX is None and not os.environ.get("REQUIRE_NGINX"),
    reason="Debian's package nginx-light is not installed",
)


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


@pytest.fixture
async def outside(tmp_path: Path, fakes: Fakes) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the proxy's, which trusts its certificate."""
    certificates = make_certificates(tmp_path)
    port = free_port()
    async with gateway(fakes) as behind:
        assert behind.port is not None
        file = tmp_path / "nginx.conf"
        file.write_text(_configuration(tmp_path, certificates, port, behind.port))
        context = ssl.create_default_context(cafile=str(certificates.authority))
        url = f"https://{LOOPBACK}:{port}"
        with _running(file, tmp_path):
            async with httpx.AsyncClient(base_url=url, verify=context, timeout=15) as client:
                await eventually(lambda: _answers(client))
                yield client


def _configuration(folder: Path, certificates: Certificates, port: int, behind: int) -> str:
    """Return the file as it is, with this machine's paths and ports."""
    text = (ROOT / "ops" / "nginx.conf").read_text()
    text = re.sub(r"(ssl_certificate) .*;", rf"\1 {certificates.server};", text)
    text = re.sub(r"(ssl_certificate_key) .*;", rf"\1 {certificates.key};", text)
    text = re.sub(r"\n *listen \[::\].*;", "", text).replace("listen 443", f"listen {LOOPBACK}:{port}")
    text = text.replace("127.0.0.1:3001", f"127.0.0.1:{behind}").replace("/var/log/nginx", str(folder))
    temporary = "\n".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY)
    return (
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n{temporary}\n{text}\n}}\n"
    )


@contextmanager
def _running(file: Path, folder: Path) -> Iterator[None]:
    assert NGINX is not None, "these tests must run behind nginx"
    with (folder / "nginx.out").open("wb") as out:
        command = [NGINX, "-p", folder, "-c", file, "-g", "daemon off; master_process off;"]
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/")).status_code == httpx.codes.NOT_FOUND
    except httpx.TransportError:
        return False


async def test_the_doors_are_open_and_nothing_else_is(outside: httpx.AsyncClient, fakes: Fakes) -> None:
    hidden = [
        (await outside.get(path)).status_code
        for path in ("/metrics", "/health", "/ready", "/docs", "/openapi.json")
    ]
    assert hidden == [httpx.codes.NOT_FOUND] * 5
    refused = await outside.get("/api/no-such-route")
    assert (refused.status_code, refused.headers["Cache-Control"]) == (httpx.codes.UNAUTHORIZED, "no-store")
    assert (await outside.get("/api/no-such-route", headers=AUTH)).status_code == httpx.codes.NOT_FOUND
    params = message()
    taken = await outside.post(INCOMING, data=params, headers=signed(INCOMING, params))
    forged = await outside.post(INCOMING, data=params | {"Body": "other"}, headers=signed(INCOMING, params))
    assert [taken.status_code, forged.status_code] == [httpx.codes.OK, httpx.codes.FORBIDDEN]
    assert len(fakes.publisher.events) == 1
