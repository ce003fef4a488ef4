"""A log that cannot be written to disturbs nobody, and tells afterwards what is missing."""

import io
import logging

from cli.logs import LogHandler


class Full(io.StringIO):
    """A file on a disk that is full."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(27, "File too large")
        return super().write(text)


def test_lines_that_are_lost_are_counted() -> None:
    file, logger = Full(), logging.getLogger("test-full-disk")
    logger.propagate = False
    handler = LogHandler(file)
    root = logging.getLogger("cli.logs")
    for each in (logger, root):
        each.addHandler(handler)
    logger.error("one")
    logger.error("two")
    file.full = False
    logger.error("three")
    logger.error("four")
    for each in (logger, root):
        each.removeHandler(handler)
    assert file.getvalue().splitlines() == ["three", "2 log lines could not be written", "four"]
