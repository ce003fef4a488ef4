"""Which versions of the schema this build knows."""

from pathlib import Path

VERSION_TABLE = "whatsapp_microservice_version"
"""A name of our own: the database may be the main backend's, with migrations of its own."""
_SCRIPTS = Path(__file__).parent / "migrations" / "versions"


def known_versions() -> list[str]:
    """Give them, the newest last."""
    return sorted(file.stem.partition("_")[0] for file in _SCRIPTS.glob("0*.py"))
