"""The environment variables with defaults and meanings, for `--help` and the README; made from the settings."""

from schemas.settings import Settings


def environment_rows() -> list[tuple[str, str, str]]:
    """Give (variable, default, meaning) of each setting."""
    return [
        (name.upper(), "" if field.default is None else str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def environment_table() -> str:
    """Give the table as text; a paragraph a variable, because help pages join lines."""
    rows = [f"{name}={default}: {meaning}".replace("[", "\\[") for name, default, meaning in environment_rows()]
    return "Environment:\n\n" + "\n\n".join(rows)
