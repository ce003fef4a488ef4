"""Which process is better restarted, and which ends everything.

One that hangs, or is not ready for a reason that a restart mends, is started again; one that cannot start
ends all.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import supervisor, up
from cli.supervisor import Supervisor, restart_may_help
from local import process
from local.process import free_port
from schemas.errors import ConfigurationError
from schemas.settings import Settings, load_settings

_SECONDS = 30.0
# Dies the first time, so that it is started again, and finds its settings wrong the second.
_DIES_AND_REFUSES = """
import pathlib, sys
print("started")
been = pathlib.Path(sys.argv[1])
if not been.exists():
    been.touch()
    sys.exit(1)
print("configuration error: PORT: is taken")
sys.exit(2)
"""


@pytest.mark.parametrize(
    ("answer", "helps"),
    [
        (None, True),
        (httpx.Response(200, json={"ready": True}), False),
        (httpx.Response(503, json={"ready": False}), True),
        (httpx.Response(503, json={"ready": False, "restart_helps": True}), True),
        (httpx.Response(503, json={"ready": False, "restart_helps": False}), False),
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), True),
        (httpx.Response(404, content=b"\xff"), True),
        (httpx.Response(404, json=["not found"]), True),
        (httpx.Response(503), True),
    ],
)
def test_who_is_started_anew(answer: httpx.Response | None, helps: bool) -> None:
    assert restart_may_help(answer) is helps


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every process dies once, and then cannot start."""

    async def spawn(_: object, env: dict[str, str], log: Path) -> asyncio.subprocess.Process:
        command = [sys.executable, "-c", _DIES_AND_REFUSES, str(tmp_path / "been")]
        return await process.spawn(command, env, log)

    monkeypatch.setattr(supervisor, "spawn", spawn)
    monkeypatch.setattr(supervisor, "_RESTART_SECONDS", 0.0)


@pytest.mark.usefixtures("refusing")
async def test_one_that_cannot_start_again_is_told_with_its_last_line(tmp_path: Path) -> None:
    supervised = Supervisor({}, tmp_path)
    supervised.add("worker", free_port(), "WORKER_PORT", "worker-1")
    with pytest.raises(RuntimeError, match=r"^worker-1 cannot start: configuration error: PORT: is taken$"):
        async with asyncio.timeout(_SECONDS):
            await supervised.watch()
    await supervised.stop(_SECONDS)


@pytest.mark.usefixtures("refusing")
def test_it_ends_all_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def started(settings: Settings, running: up.Up, _: int) -> None:
        running.supervisor.add("worker", settings.worker_port, "WORKER_PORT", "worker-1")

    announced = []
    monkeypatch.setattr(up, "_start", started)
    monkeypatch.setattr(up, "_announce", lambda *_: announced.append("is up"))
    ports: dict[str, Any] = {name: free_port() for name in ("port", "worker_port", "stats_port")}
    with pytest.raises(ConfigurationError, match=r"^worker-1 cannot start: .*PORT: is taken$"):
        up.run_up(load_settings({}, **ports), tmp_path, tmp_path, 1)
    assert announced == ["is up"]
