"""`demo`: calls and chatting clients against a running `up`, through the same endpoints as real ones."""

import asyncio
import json
import random
import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress, TaskID
from rich.table import Table

from cli.connected import running_up
from cli.console import plain_console
from cli.judge import Verdict, answered_words, judge
from schemas.errors import ConfigurationError

State = dict[str, Any]

# Longer than TWILIO_UNKNOWN_PATIENCE_SECONDS (60), for which the last send before a kill is looked up if
# nothing is sent after it. No progress for longer than that is reported as a failure.
_PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.25
_HTTP_SECONDS = 15.0
# Bursts of one to four messages, as people write.
_LARGEST_BURST = 4
_BURST_PAUSE_SECONDS = 0.02
# Colombian mobile numbers: 3 and nine more digits.
_LOWEST_NUMBER, _NUMBERS = 3_100_000_000, 200_000_000


class Demo:
    """One run. `numbers`: the clients."""

    def __init__(self, state: State, calls: int, messages: int) -> None:
        self.state = state
        first = _LOWEST_NUMBER + secrets.randbelow(_NUMBERS - calls + 1)
        self.numbers = [f"+57{first + n}" for n in range(calls)]
        self._messages = messages
        self._run = first
        self._client = httpx.AsyncClient(timeout=_HTTP_SECONDS)

    async def play(self, progress: Progress) -> Verdict:
        """Call, chat, wait, judge."""
        async with self._client:
            await self._post(self.state["elevenlabs_url"] + "/_sim/settings", {"manner": "echo"})
            calls = progress.add_task("calls ended", total=len(self.numbers))
            await asyncio.gather(*(self._call(number, progress, calls) for number in self.numbers))
            chats = progress.add_task("messages written", total=self._messages)
            await asyncio.gather(*(self._chat(n, progress, chats) for n in range(len(self.numbers))))
            answers = progress.add_task("messages answered", total=self._messages)
            await self._wait(progress, answers)
            verdict = judge(await self._ledger("twilio"), await self._ledger("elevenlabs"), self.numbers)
            await self._post(self.state["elevenlabs_url"] + "/_sim/settings", {"manner": "normal"})
        return verdict

    async def _call(self, number: str, progress: Progress, task: TaskID) -> None:
        body = {
            "batch_id": f"btcal_demo{self._run}",
            "agent_id": "agent_demo",
            "agent_name": "Agente Demo",
            "batch_name": "Demo",
            "recipient": {
                "phone_number": number,
                "status": "completed",
                "conversation_id": f"conv_demo{number}",
            },
            "call_metadata": {"client_name": "Ana García", "group_name": "Demo"},
        }
        headers = {"X-Service-Token": self.state["token"]}
        answer = await self._client.post(
            self.state["web_url"] + "/api/call-completed", json=body, headers=headers
        )
        answer.raise_for_status()
        progress.advance(task)

    async def _chat(self, client: int, progress: Progress, task: TaskID) -> None:
        """Write one client's messages in bursts; each waits for Twilio's webhook, which gives an order."""
        texts = [f"mensaje {n} de {self._run}" for n in range(client, self._messages, len(self.numbers))]
        while texts:
            burst, texts = (texts[: (size := random.randint(1, _LARGEST_BURST))], texts[size:])
            for text in burst:
                message = {"from": self.numbers[client], "body": text}
                await self._post(self.state["twilio_url"] + "/_sim/inbound", message)
                await asyncio.sleep(_BURST_PAUSE_SECONDS)
                progress.advance(task)

    async def _wait(self, progress: Progress, task: TaskID) -> None:
        """Wait until all are answered, or there has been no progress for too long."""
        done, moved = -1, time.monotonic()
        while done < self._messages and time.monotonic() - moved < _PATIENCE_SECONDS:
            twilio = await self._ledger("twilio")
            now_done = sum(len(answered_words(twilio, number)) for number in self.numbers)
            if now_done != done:
                done, moved = now_done, time.monotonic()
            progress.update(task, completed=done)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ledger(self, vendor: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (
            await self._client.get(self.state[f"{vendor}_url"] + "/_sim/ledger")
        ).json()
        return rows

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        (await self._client.post(url, json=body)).raise_for_status()


def run_demo(data_dir: Path, calls: int, messages: int, *, as_json: bool) -> int:
    """Play and print the verdict. Return 0 if nothing was lost, doubled, out of order or overlapping, else 1.

    Raises:
        ConfigurationError: no `up` with simulated vendors is running.
    """
    demo = Demo(_state(data_dir), calls, messages)
    console = plain_console(stderr=True)
    try:
        with Progress(console=console) as progress:
            begun = time.monotonic()
            verdict = asyncio.run(demo.play(progress))
            seconds = time.monotonic() - begun
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"the running service does not answer ({error}); is `up` still there?"
        ) from error
    if as_json:
        print(json.dumps(asdict(verdict) | {"seconds": round(seconds, 1)}))
    else:
        _print(verdict, seconds)
    return 0 if verdict.good else 1


def _state(data_dir: Path) -> State:
    state = running_up(data_dir)
    if state is None:
        raise ConfigurationError(f"no running service in {data_dir}; start `whatsapp-microservice up` first")
    if "twilio_url" not in state or "elevenlabs_url" not in state:
        raise ConfigurationError(
            "the running service talks to the real vendors; the demo needs the simulated ones"
        )
    return state


def _print(verdict: Verdict, seconds: float) -> None:
    table = Table(title=f"{verdict.clients} calls, {verdict.received} messages in {seconds:.1f} s")
    for name in ("first messages", "lost", "doubled", "out of order", "overlapping"):
        table.add_column(name, justify="right")
    counts = (
        verdict.first_messages,
        verdict.lost,
        verdict.doubled,
        verdict.out_of_order,
        verdict.overlapping,
    )
    table.add_row(*map(str, counts))
    plain_console().print(table)
    for problem in verdict.problems:
        print(problem)
