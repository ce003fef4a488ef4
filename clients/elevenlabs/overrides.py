"""What our conversations override in an agent's settings, and what an agent was found not to allow. Pure.

Each override must be allowed in the agent's security settings. One that is not ends the conversation before
it begins, and costs a second one. So a refusal is remembered, but only for a time: the settings may be put
right at any moment.
"""

import re
from collections.abc import Callable

from clients.vendor_json import Json

TEXT_ONLY = "conversation.text_only"
FIRST_MESSAGE = "agent.first_message"
OVERRIDES: dict[str, object] = {TEXT_ONLY: True, FIRST_MESSAGE: ""}
"""By dotted name: text only, and no greeting as in a call."""

# How long an override that an agent refused is not tried again.
_REMEMBERED_SECONDS = 600.0
# Not every refusal says so (packages#337). One lost connection proves nothing; a second in a
# row counts as proof.
_SILENT_REFUSALS = 2
_NAMED = re.compile(r"Override for field '([\w.]+)' is not allowed")


def as_json(names: frozenset[str]) -> Json:
    """Return overrides in the form that the first event carries."""
    nested: Json = {}
    for name in sorted(names):
        group, _, field = name.partition(".")
        nested.setdefault(group, {})[field] = OVERRIDES[name]
    return nested


def refused_names(why: str, sent: frozenset[str]) -> frozenset[str]:
    """Return which of the sent overrides a refusal is about: the one that it names, or else all of them."""
    found = _NAMED.search(why)
    named = frozenset(
        name for name in sent if found and name.rpartition(".")[2] == found[1].rpartition(".")[2]
    )
    return named or sent


class Refusals:
    """What agents have refused lately. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}
        self._silent: dict[str, int] = {}

    def allowed(self, agent_id: str) -> frozenset[str]:
        """Return the names of the overrides that are worth trying."""
        return frozenset(
            name for name in OVERRIDES if self._until.get((agent_id, name), 0.0) <= self._clock()
        )

    def learn(self, agent_id: str, *, said: frozenset[str], unsaid: frozenset[str]) -> None:
        """Learn from a conversation that went well without these overrides.

        `said`: refused by words or close code. `unsaid`: a conversation with them broke.
        """
        before = self._silent.pop(agent_id, 0)
        if unsaid and before + 1 < _SILENT_REFUSALS:
            self._silent[agent_id] = before + 1
        elif unsaid:
            said |= unsaid
        self._until |= {(agent_id, name): self._clock() + _REMEMBERED_SECONDS for name in said}
