"""Fail points: named places between two steps at which a test can have the process die, once.

A point is armed by a file that `FAIL_POINT_FILE` names. The file holds the point's name, perhaps followed by
the number of the pass at which to act. The process that reaches the point then removes the file and dies as
if by `kill -9`. The environment is read once, as a turn passes a dozen points.
"""

import os
import signal
from pathlib import Path

VARIABLE = "FAIL_POINT_FILE"
_FILE = os.environ.get(VARIABLE)

POINTS = (
    "before-begin",  # an event is handed over, nothing recorded
    "after-begin",  # a question is durable, the agent not asked
    "after-agent",  # the agent has answered, its reply not stored
    "after-answer",  # a message is intended, not sent
    "after-reconcile",  # a send of unknown outcome was looked up
    "after-send",  # Twilio has accepted, the sid not recorded
    "after-accept",  # sid recorded, events not published
    "after-publish",  # events in Kafka, not recorded as published
    "before-letter",  # an address is to be told something, and has not been
    "after-letter",  # Kafka has it, not recorded
    "before-release",  # an event's outcome is durable, its offset not released
)


def reach(name: str) -> None:
    """Die here if this point is armed."""
    if _FILE is None:
        return
    file = Path(_FILE)
    try:
        armed, times = _read(file)
        if armed == name and times > 1:
            file.write_text(f"{name} {times - 1}")
        elif armed == name:
            file.unlink()
    except FileNotFoundError:  # not armed, or another process was first
        return
    if armed == name and times == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def _read(file: Path) -> tuple[str, int]:
    name, _, times = file.read_text().strip().partition(" ")
    return name, int(times or 1)
