"""Each query of `db/readers` returns the columns that its rows are made of."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import db.readers
from db.pool import Pool
from db.queries import Query

_MODULES = [
    importlib.import_module(f"db.readers.{each.name}") for each in pkgutil.iter_modules(db.readers.__path__)
]
_QUERIES: dict[str, Query[Any]] = {
    f"{module.__name__}.{name}": query
    for module in _MODULES
    for name, query in vars(module).items()
    if isinstance(query, Query)
}


def test_there_are_queries() -> None:
    assert len(_QUERIES) > 30


@pytest.mark.parametrize("name", sorted(_QUERIES))
async def test_its_columns_are_those_of_its_row(pool: Pool, name: str) -> None:
    query = _QUERIES[name]
    async with pool.acquire() as connection:
        statement = await connection.prepare(query.sql)
        columns = {attribute.name for attribute in statement.get_attributes()}
    assert columns == inspect.signature(query.row).parameters.keys()
