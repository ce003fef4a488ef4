"""A worker of actors as a separate process, to be fed by topics, killed and restarted.

Run as a module, this file is that process.
"""

import asyncio
import json
import os
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from rules.draft import Draft
from schemas.documents import now
from schemas.events import InboundMessage
from schemas.topics import CALL_COMPLETED, CONVERSATION_COMMAND, INBOUND_MESSAGE
from tests.support import http
from tests.support.deadline import eventually
from tests.support.simulators import SENDER

POISON = "TEST_POISON"
"""Variable with the word that a worker's build fails on."""
_RETRY_SECONDS = 1.0
_STOP_SECONDS = 25.0
# Recovery after kill -9 begins when the broker gives the dead member up (6 s); joining takes a few more.
_READY_SECONDS = 60.0


@dataclass
class ActorWorker:
    """One worker and its views."""

    env: dict[str, str]
    port: int
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.actor_worker"]
        env = {**os.environ, **self.env, "WORKER_PORT": str(self.port)}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(_STOP_SECONDS):
            return await self.process.wait()

    async def ready(self) -> None:
        async def look() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, self.log.read_text()[-3000:]
            try:
                async with httpx.AsyncClient(verify=http.NO_CERTIFICATES, timeout=5) as client:
                    answer = await client.get(f"http://127.0.0.1:{self.port}/ready")
            except httpx.TransportError:
                return False
            return answer.status_code == 200 and bool(answer.json()["partitions"])

        await eventually(look, _READY_SECONDS)


@dataclass
class Backend:
    """Producer of what the backend, Twilio's webhook and operators would send."""

    producer: AIOKafkaProducer
    prefix: str
    agent: str = "agent_1"
    sent: list[str] = field(default_factory=list)

    async def call(self, number: str, conversation: str, **recipient: object) -> None:
        who = {"phone_number": number, "conversation_id": conversation, "status": "completed"} | recipient
        body = {"agent_id": self.agent, "agent_name": "Sofía", "recipient": who}
        await self._send(CALL_COMPLETED, number, body | {"call_metadata": {"client_name": "Ana García"}})

    async def write(self, number: str, text: str, sid: str = "", **more: str) -> str:
        """Write as a client; `more`: what else the vendor says of the message. Return the sid."""
        sid = sid or f"SM{uuid.uuid4().hex}"
        params = {
            "MessageSid": sid,
            "From": f"whatsapp:{number}",
            "To": SENDER,
            "Body": text,
            "NumMedia": "0",
        }
        message = InboundMessage(event_id=sid, received_at=now(), params=params | more)
        await self._send(INBOUND_MESSAGE, number, message.model_dump(mode="json"))
        return sid

    async def command(self, number: str, command: str, **more: object) -> None:
        body = {"command_id": uuid.uuid4().hex, "phone_number": number, "command": command, "by": "ana"}
        await self._send(CONVERSATION_COMMAND, number, body | {"at": now().isoformat()} | more)

    async def _send(self, topic: str, key: str, body: dict[str, Any]) -> None:
        value = json.dumps(body).encode()
        await self.producer.send_and_wait(self.prefix + topic, value, key.encode())


def fails_on(word: str) -> None:
    """Make this build fail on clients' messages that contain a word."""
    from rules import decide, inputs, replying

    def on_message(draft: Draft, message: inputs.MessageReceived) -> None:
        if word in message.text:
            raise ZeroDivisionError
        replying.on_message(draft, message)

    decide._HANDLERS[inputs.MessageReceived] = on_message


def main() -> int:
    """Run the worker with the process's environment."""
    from cli.logs import configure_logs
    from process.tracing import tracing
    from schemas.settings import load_settings
    from streams.actors.judge import WAITS
    from streams.worker.run import run

    settings = load_settings()
    configure_logs(settings)
    word = os.environ.get(POISON)
    if word:
        fails_on(word)
    with tracing(settings):
        return run(settings, (_RETRY_SECONDS,) * len(WAITS) if word else WAITS)


if __name__ == "__main__":
    raise SystemExit(main())
