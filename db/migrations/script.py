"""Runs a `.sql` file inside a migration."""

from pathlib import Path

from alembic import op

_FOLDER = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Run every statement of `sql/NAME`, each ended by `;` at a line's end (asyncpg takes one at a time)."""
    for statement in (_FOLDER / name).read_text().split(";\n"):
        if statement.strip():
            op.execute(statement)
