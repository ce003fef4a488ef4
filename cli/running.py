"""The service that a command works with: that of the environment, else the `up` that runs on this machine."""

import json
import os
from pathlib import Path
from typing import Any

from schemas.settings import Settings, load_settings


def settings_beside(data_dir: Path) -> Settings:
    """Read the environment; where it names no database and an `up` runs, what that `up` has chosen counts.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    settings = load_settings()
    if settings.database_url is not None or (state := running_up(data_dir)) is None:
        return settings  # where none runs, the command itself says which variables are missing
    return load_settings({**state["env"], **os.environ})


def running_up(data_dir: Path) -> dict[str, Any] | None:
    """Return what the `up` of a folder tells of itself; None where none runs."""
    try:
        state: dict[str, Any] = json.loads((data_dir / "up.json").read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return state
