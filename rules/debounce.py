"""A burst of messages gets one answer: the agent is asked once the client has paused."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rules.policy import Policy
from rules.turns import Waiting


def is_over(questions: Sequence[Waiting], now: datetime, policy: Policy) -> bool:
    """Return whether the burst is over. Later messages do not reopen it: the agent may have been asked."""
    return all(over <= now for over in due(questions, policy))


def due(questions: Sequence[Waiting], policy: Policy) -> Iterator[datetime]:
    """Return when the burst is over: after some silence, and at the latest some time after its first message.

    Times are when the messages came, so a message that has already waited in the log is not waited for again.
    """
    if not policy.quiet or not questions:
        return
    newest = questions[0].at
    for each in questions[1:]:
        if each.at > newest + policy.quiet:
            break
        newest = max(newest, each.at)
    yield min(newest + policy.quiet, questions[0].at + policy.longest_quiet)
