"""Which of our modules execute: those of which a function ran."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parent.parent.parent
_OURS = ("schemas", "rules", "mailboxes", "clients", "db", "process", "streams", "web")


class Modules(set[str]):
    """Paths of modules below the tree's root. The body of a module or class is no function."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, str | None] = {}

    def called(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and code.co_flags & _IS_FUNCTION:
            if code.co_filename not in self._known:
                self._known[code.co_filename] = _ours(code.co_filename)
            if (name := self._known[code.co_filename]) is not None:
                self.add(name)


# `inspect.CO_OPTIMIZED`: functions have it with `CO_NEWLOCALS`; a class's body does not.
_IS_FUNCTION = 0x1


def _ours(path: str) -> str | None:
    file = Path(path)
    if not file.is_relative_to(ROOT):
        return None
    name = file.relative_to(ROOT)
    return str(name) if name.parts[0] in _OURS else None


@contextmanager
def executed() -> Iterator[Modules]:
    """Note which modules execute while the body runs, in whichever thread or task."""
    found = Modules()
    threading.setprofile(found.called)
    sys.setprofile(found.called)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
