"""Texts that nobody may read over somebody's shoulder: not in a traceback, not in a value that is printed."""

from typing import Annotated

from pydantic import AfterValidator


class Secret(str):
    """A text like any other whose `repr` does not tell it: what holds it may be printed whole."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


SecretText = Annotated[str, AfterValidator(Secret)]
"""A setting's type."""
