"""The settings of the service that is worked with: of the environment, else of the `up` that runs on this machine."""

import json
import os
from pathlib import Path

from schemas.settings import Settings, load_settings


def settings_beside(data_dir: Path) -> Settings:
    """Read the environment; where it names no database and an `up` runs, what that `up` has chosen counts.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    settings = load_settings()
    if settings.database_url is not None:
        return settings
    try:
        variables = json.loads((data_dir / "up.json").read_text())["env"]
    except (OSError, ValueError, KeyError):
        return settings  # the command itself says which variables are missing
    return load_settings({**variables, **os.environ})
