"""Whole numbers as people and programs write them into addresses and forms. Pure. Times: `schemas.times`."""

import re

from schemas.errors import InvalidInput

LARGEST_ID = 2**31 - 1
"""Ids of rows are SERIAL."""
LARGEST_POSITION = 2**63 - 1
"""Positions of events and commands are BIGINT."""
# ASCII alone, and no leading zeros: what is padded was put together from something else than a number.
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")


def whole(field: str, text: str, least: int = 0, most: int = LARGEST_ID) -> int:
    """Read a whole number within bounds.

    Raises:
        InvalidInput: it is none, or not within them.
    """
    number = int(text) if _WHOLE.fullmatch(text) else -1
    if not least <= number <= most:
        raise InvalidInput(field, f"must be a whole number from {least} to {most}, such as {max(least, 1)}")
    return number


def is_whole(text: str) -> bool:
    """Return whether somebody meant a whole number; whether it is of use, `whole` tells."""
    return text.isdecimal()
