"""The terminal that results are written to."""

from rich.console import Console


def plain_console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Return a terminal that shows texts as they are, also in tables.

    Rich would take `[octubre]` in a batch's name for markup and hide it, fail at `[/fin]`, and make a picture
    of `:car:`.
    """
    return Console(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False)
