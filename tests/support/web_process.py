"""A `web` process beside a Postgres of its own and no Kafka: events go to the spool."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.process import free_port
from tests.support import http
from tests.support.gateway import ACCOUNT, TOKEN, TWILIO_TOKEN
from tests.support.processes import environment
from tests.support.up import ROOT, eventually_sync

_STOP_SECONDS = 20


@dataclass(frozen=True)
class Web:
    """A running `web`. `log`: where it writes."""

    url: str
    port: int
    pid: int
    log: Path


@contextmanager
def running_web(database_url: str, log: Path, **over: object) -> Iterator[Web]:
    """Run a `web`, from when it is ready. When told to stop, it must exit with code 0."""
    given = {
        "MICROSERVICE_TOKEN": TOKEN,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "OUTCOME_WAIT_SECONDS": "0.2",
        "STATS_URL": "http://127.0.0.1:9",
    }
    env = environment(database_url, f"127.0.0.1:{free_port()}", **given | over)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "cli", "web"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{env['PORT']}"
        eventually_sync(lambda: _is_ready(url, process, log))
        yield Web(url, int(env["PORT"]), process.pid, log)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(_STOP_SECONDS)
    assert code == 0, log.read_text()


def _is_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return http.get(f"{url}/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
