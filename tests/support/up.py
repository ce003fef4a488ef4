"""A running `up`, started and stopped as its user does."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from local.process import free_port
from tests.support import http

ROOT = Path(__file__).parent.parent.parent
State = dict[str, Any]
_START_SECONDS = 90
_LOOK_SECONDS = 0.2
_ANSWER_SECONDS = 60
_GIVEN = ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_EMBEDDED", "DATABASE_URL")


@contextmanager
def running_up(folder: Path, jars: Path, *options: str, **variables: str) -> Iterator[State]:
    """Run `up` with simulated vendors on free ports; it must stop with code 0."""
    ports = {name: str(free_port()) for name in ("PORT", "WORKER_PORT", "STATS_PORT")}
    command = [sys.executable, "-m", "cli", "up", "--data-dir", str(folder), "--jars", str(jars), *options]
    # `up` does not use the tests' given Kafka and Postgres: it has its stand-ins, as on a user's machine.
    ours = {name: value for name, value in os.environ.items() if name not in _GIVEN}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=ours | ports | variables, stdout=log, stderr=log)
    try:
        state = _until_up(process, folder)
        more = {
            "pid": process.pid,
            "folder": str(folder),
            "stats_url": f"http://127.0.0.1:{ports['STATS_PORT']}",
        }
        yield state | more | {"headers": {"X-Service-Token": state["token"]}}
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(_START_SECONDS)
    assert code == 0, (folder / "up.log").read_text()


def _until_up(process: subprocess.Popen[bytes], folder: Path) -> State:
    end = time.monotonic() + _START_SECONDS
    while not (folder / "up.json").exists() or not (folder / "up.json").read_text():
        assert process.poll() is None, (folder / "up.log").read_text()
        assert time.monotonic() < end, (folder / "up.log").read_text()
        time.sleep(_LOOK_SECONDS)
    state: State = json.loads((folder / "up.json").read_text())
    return state


def call_body(conversation: str, number: str, **recipient: object) -> State:
    """Return what the backend sends when a call has ended."""
    who = {"phone_number": number, "conversation_id": conversation, "status": "completed"} | recipient
    metadata = {"client_name": "Ana García", "client_id": 42}
    return {"agent_id": "agent_1", "agent_name": "Agente", "recipient": who, "call_metadata": metadata}


def write(up: State, number: str, body: str, sid: str, times: int = 1) -> None:
    """Write as a client. Twilio's webhook comes `times` times and is answered 200."""
    message = {"from": number, "body": body, "sid": sid, "times": times}
    assert http.post(up["twilio_url"] + "/_sim/inbound", json=message).json()["status"] == httpx.codes.OK


def conversation_of(up: State, number: str, messages: int) -> State:
    """Wait until a number's conversation has so many messages, and return it."""
    end = time.monotonic() + _ANSWER_SECONDS
    with httpx.Client(base_url=up["web_url"], headers=up["headers"], timeout=15) as client:
        while True:
            answer: State = client.get(f"/api/conversations/{number}").json()
            if answer["success"] and answer["conversation"]["message_count"] >= messages:
                conversation: State = answer["conversation"]
                return conversation
            assert time.monotonic() < end, answer
            time.sleep(_LOOK_SECONDS)


def marks_of(up: State, sid: str) -> State:
    """Return the marks (`metadata`) of the message with a Twilio sid."""
    [row] = on_database(up, "SELECT metadata FROM conversation_messages WHERE twilio_message_id = $1", sid)
    marks: State = json.loads(row["metadata"])
    return marks


def has_come_back(up: State, number: str) -> bool:
    """Return whether a message of the number is waiting to be sent again."""
    sql = "SELECT 1 FROM conversation_actor WHERE phone_number = $1 AND state ? 'came_back'"
    return bool(on_database(up, sql, number))


def eventually_sync(look: Callable[[], bool], seconds: float = _ANSWER_SECONDS) -> None:
    """Look until the result is true. Fail if that takes too long."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "did not come in time"
        time.sleep(_LOOK_SECONDS)


@contextmanager
def stopped(up: State, command: str) -> Iterator[None]:
    """Freeze all processes of a command (SIGSTOP), whichever their supervisor started last."""
    with _still(up, command, signal.SIGCONT):
        yield


@contextmanager
def replaced(up: State, command: str) -> Iterator[None]:
    """Freeze all processes of a command, then kill them (SIGKILL); their supervisor starts others."""
    with _still(up, command, signal.SIGKILL):
        yield


@contextmanager
def _still(up: State, command: str, then: signal.Signals) -> Iterator[None]:
    pids = _pids(up, command)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, then)


def _pids(up: State, command: str) -> list[int]:
    pids = [pid for pid in _children(up["pid"]) if _command(pid)[-1:] == [command]]
    assert pids, f"no process of {command}"
    return pids


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def produce(up: State, topic: str, key: str, value: bytes) -> None:
    """Produce a record to a topic, as anybody else may. In a thread, see `on_database`."""

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=up["kafka"]) as producer:
            await producer.send_and_wait(topic, value, key.encode())

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, send()).result()


def on_database(up: State, sql: str, *arguments: object) -> list[Any]:
    """Run a statement in the service's database and return its rows.

    In a thread of its own, because a browser's driver has a loop running in this one.
    """

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(up["database_url"])
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask()).result()
