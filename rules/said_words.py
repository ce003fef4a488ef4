"""What a client said, as it is compared with what comes next. Pure."""

import zlib

from rules.keywords import normalised


def checksum(content: str) -> str | None:
    """Return what tells the same words from others; None for what is never taken for the same: a number, a file or place, a
    reply to a message, nothing but signs. Nobody can read the words out of it.
    """
    words = normalised(content)
    if not words or content.startswith("[") or any(char.isnumeric() for char in content):
        return None
    return f"{zlib.crc32(words.encode()):08x}"
