"""The simulated ElevenLabs: its parts in one place. `routes` and `socket` serve it, `control` steers it."""

import asyncio
import time
from collections import Counter
from typing import Any

from local.faults import Faults, Latency
from local.vendors.elevenlabs.agent import answer
from local.vendors.elevenlabs.calls import Call
from local.vendors.elevenlabs.errors import error_of_status
from local.vendors.elevenlabs.memory import Memory
from local.vendors.elevenlabs.post_call import post
from local.vendors.elevenlabs.settings import AgentSettings, Behaviour
from local.vendors.elevenlabs.signing import Signatures
from local.vendors.trouble import Trouble

Json = dict[str, Any]
_HANG_SECONDS = 60


class ElevenLabsSimulator:
    """One workspace.

    Attributes:
        asked: Every question that reached an agent.
        running: How many conversations hold a place.
    """

    def __init__(self, api_key: str, *, rest: bool = False) -> None:
        self.api_key = api_key
        self._rest = rest
        self.behaviour = Behaviour(rest=rest)
        self.latency = Latency()
        self.faults = Faults()
        self.trouble = Trouble(self.faults, error_of_status)
        self.signatures = Signatures()
        self.agents: dict[str, AgentSettings] = {}
        self.calls: dict[str, Call] = {}
        self.asked: list[Json] = []
        self.running = 0
        self.place_free = asyncio.Condition()
        self._at_once: Counter[str] = Counter()
        self._posts: set[asyncio.Task[int]] = set()

    def agent(self, agent_id: str) -> AgentSettings | None:
        """Return an agent. Unless strict, one that was not announced exists as well."""
        known = self.agents.get(agent_id)
        return known or (None if self.behaviour.strict or not agent_id else AgentSettings(agent_id=agent_id))

    def call(self, conversation_id: str) -> Call | None:
        """Return a conversation. Unless strict, one that was not announced is a finished call."""
        known = self.calls.get(conversation_id)
        return known or (None if self.behaviour.strict else Call(conversation_id=conversation_id))

    @property
    def is_out_of_credits(self) -> bool:
        return self.behaviour.credits == 0

    def pay(self) -> None:
        """Use up the credits of one turn."""
        self.behaviour.credits -= self.behaviour.credits > 0

    async def think(self, entry: Json, memory: Memory) -> str:
        """Have the agent answer `entry["text"]`. `entry`: the ledger's row; `who` in it is the asker."""
        who = entry["who"]
        self._at_once[who] += 1
        entry |= {"at": time.time(), "at_once": self._at_once[who]}
        self.asked.append(entry)
        try:
            if self.faults.fires("hang"):
                await asyncio.sleep(_HANG_SECONDS)
            await self.latency.wait()
        finally:
            self._at_once[who] -= 1
            if not self._at_once[who]:
                del self._at_once[who]
        word = self.behaviour.endless
        manner = "endless" if word and word in entry["text"] else self.behaviour.manner
        entry["reply"] = answer(entry["text"], memory, manner)
        return str(entry["reply"])

    def ended(self, call: Call) -> None:
        """Send the post-call webhook if there is one; text conversations have it too."""
        behaviour = self.behaviour
        if behaviour.webhook_url:
            sending = post(
                behaviour.webhook_url, behaviour.webhook_secret, "post_call_transcription", call.as_json()
            )
            task = asyncio.create_task(sending, name="post-call webhook")
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    def reset(self) -> None:
        """Forget everything that happened or was armed, and all agents and calls; behave as at the start."""
        self.behaviour = Behaviour(rest=self._rest)
        self.latency.mean_ms = self.latency.spread_ms = 0.0
        for part in (self.faults, self.agents, self.calls, self.asked, self.signatures.given):
            part.clear()

    async def close(self, _: object) -> None:
        for task in self._posts:
            task.cancel()
