"""A log that cannot be written disturbs nobody, and says afterwards what is missing."""

import io
import logging

from cli.logs import LogHandler, Sparing


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


def test_a_library_says_the_same_once_and_we_say_all() -> None:
    sparing = Sparing()

    def said(name: str, text: str, node: int) -> bool:
        return sparing.filter(logging.LogRecord(name, logging.ERROR, __file__, 1, text, (node,), None))

    lines = ("node %s is away", 1), ("node %s is away", 2), ("node %s is back", 1)
    assert [said("aiokafka.conn", *line) for line in lines] == [True, False, True]
    assert [said("streams.worker", *line) for line in lines] == [True, True, True]
