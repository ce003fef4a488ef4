"""What is noted of a dead letter is bounded, and checked before anything is done with it."""

from typing import Any, cast

import pytest

from schemas.errors import InvalidInput
from web.dead_letters.letters import Letters

LETTERS = Letters(cast(Any, None), cast(Any, None))  # nobody is asked


async def test_a_name_that_is_no_name_retries_nothing() -> None:
    with pytest.raises(InvalidInput) as refused:
        await LETTERS.retry("x" * 256, ["0-1"], None)
    assert refused.value.field == "by"


@pytest.mark.parametrize(("by", "why", "field"), [("x" * 256, "prueba", "by"), ("Ana", "x" * 5000, "reason")])
async def test_nor_does_one_or_a_reason_without_end_discard_anything(by: str, why: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await LETTERS.discard(by, ["0-1"], why)
    assert refused.value.field == field
