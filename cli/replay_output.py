"""Output that the modes of `replay` share."""

import sys

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.console import plain_console
from streams.replay.reader import Reader


def say_what_is_cut(reader: Reader) -> None:
    """Say in one line if the topic no longer has everything that was asked for."""
    if reader.is_cut and reader.kept_since is not None:
        print(
            f"{reader.topic} keeps events from {reader.kept_since:%F %T} UTC on; what is older is gone",
            file=sys.stderr,
        )


def nothing_there(reader: Reader) -> str:
    """Return the line for a window without events."""
    if reader.kept_since is None:
        return f"{reader.topic} is empty"
    return f"no event in this window; {reader.topic} keeps events from {reader.kept_since:%F %T} UTC on"


def progress_bar() -> Progress:
    """Return a progress bar with the time left, on stderr, shown only on a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = plain_console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
