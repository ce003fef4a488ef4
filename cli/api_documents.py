"""Writes the documents of topics and HTTP: `python -m cli.api_documents docs/api`, which is `make api`."""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.asyncapi import documents
from web.openapi import openapi


def all_documents() -> dict[str, dict[str, Any]]:
    """Return every document by its file's name."""
    return documents() | {"openapi.json": openapi()}


def main() -> None:
    """Write them into the folder of the first argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in all_documents().items():
        (folder / name).write_text(text_of(document))


def text_of(document: dict[str, Any]) -> str:
    """Return a document as it lies in the folder: readable, and the same each time."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
