"""Since when something waits for us and the vendors, not for the agent's words or the end of a burst.

After an outage, what was held up shares with what comes now (`clients.fair_share`)
wherever both wait for something.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rules import debounce
from rules.evolve_turns import REPORT_WAIT
from rules.policy import Policy
from rules.turns import Part, Turn, Waiting

HELD_UP: Final = timedelta(seconds=5)
"""Anything that waits longer than it would in calm times (a two-second burst, with room) was held up."""


def question_since(question: Sequence[Waiting], policy: Policy) -> datetime:
    """Return since when a question could be asked."""
    return max([question[0].at, *debounce.due(question, policy)])


def part_since(turn: Turn, part: Part, policy: Policy) -> datetime | None:
    """Return since when a message could be sent; None if nobody knows.

    An answer that was held up at first stays so for each of its messages. One that was not does not become so
    through the pauses between them.
    """
    since = _turn_since(turn, part, policy)
    former = _former(turn, part)
    if since is None or former is None or former.intended_at is None:
        return since
    begun = turn.parts[0].intended_at or former.intended_at
    return since if begun - since > HELD_UP else max(since, former.intended_at + REPORT_WAIT)


def _turn_since(turn: Turn, part: Part, policy: Policy) -> datetime | None:
    if part.said_at is None or turn.kind != "reply" or turn.asked_at is None:
        return part.said_at
    burst = policy.longest_quiet if policy.quiet else timedelta()
    return min(part.said_at, turn.asked_at + burst + timedelta(seconds=turn.seconds))


def _former(turn: Turn, part: Part) -> Part | None:
    """Return the message before this one in its turn."""
    place = turn.parts.index(part)
    return turn.parts[place - 1] if place else None
