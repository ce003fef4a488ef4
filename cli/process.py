"""What the commands share: their common options, and how a process ends."""

import asyncio
import gc
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from cli.connected import outages_told, settings_beside
from cli.logs import configure_logs
from clients.kafka.closed_connections import mend_connections
from clients.kafka.records import mend_records
from process.tracing import tracing
from schemas.errors import ConfigurationError, InvalidInput, Unavailable, VendorError
from schemas.settings import Settings, load_settings

log = structlog.get_logger()

Beside = Annotated[
    Path, typer.Option("--data-dir", help="Of the `up` to work with, where DATABASE_URL is not set.")
]
Since = Annotated[str, typer.Option(help="ISO 8601 time (UTC without zone), or an age such as 1h.")]
Until = Annotated[str | None, typer.Option(help="As --since. Default: now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
# A turn's objects mostly die by reference count; the default, 700, looks for cycles several times a turn.
_OBJECTS_BETWEEN_COLLECTIONS = 10_000
Yes = Annotated[bool, typer.Option("--yes", help="Answers the questions.")]


def run(process: Callable[[Settings], int], beside: Path | None = None, *, served: bool = False) -> None:
    """Run one process. Wrong input or configuration is one clear line and exit code 2, an outage exit code 1.

    `beside`: data of an `up` to work with; `served`: the process is there to carry load.
    """
    mend_records()
    if served:
        _use_fast_loop()
        _spare_the_loaded()
    try:
        settings = settings_beside(beside) if beside else load_settings()
        configure_logs(settings)
        with tracing(settings) if served else outages_told(settings):
            code = process(settings)
    except ConfigurationError as error:
        print(f"configuration error: {error}", file=sys.stderr)
        code = 2
    except InvalidInput as error:
        print(f"{error.field}: {error.why}", file=sys.stderr)
        code = 2
    except Unavailable as error:
        print(f"not available: {error}", file=sys.stderr)
        code = 1
    except VendorError as error:
        print(error, file=sys.stderr)
        code = 1
    except (typer.Abort, typer.Exit):  # said no to a question, or pressed Ctrl-C at it
        raise
    except Exception:  # noqa: BLE001 - the last resort: logged like everything else
        log.exception("process failed")
        code = 1
    raise typer.Exit(code)


def whoami() -> str:
    """Return the name of whoever typed the command; a container's user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _use_fast_loop() -> None:
    """Use libuv's event loop if it is there, also in Faust's threads: it takes less CPU (see the bench)."""
    try:
        import uvloop
    except ImportError:  # not built for every platform: asyncio's own loop stays
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    mend_connections()


def _spare_the_loaded() -> None:
    """Freeze modules, which stay for life: a full collection of their 100,000 objects stops all for 45 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
