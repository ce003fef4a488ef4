"""In whatever order records finish, they are released in the order of offsets, without gaps."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mailboxes.ports import Record
from mailboxes.watermark import Window


def record(offset: int) -> Record[str]:
    return Record(source="in", partition=0, offset=offset, key="a", message="m", token=offset, generation=1)


@given(st.permutations(range(12)), st.integers(0, 1000))
def test_only_finished_prefixes_are_released(order: list[int], start: int) -> None:
    released: list[object] = []
    unfinished: Counter[str] = Counter()
    window: Window[str] = Window("in", released.append, unfinished)
    items = [window.begin(record(start + number)) for number in range(12)]
    assert window.highest_seen == start + 11
    done: set[int] = set()
    for count, number in enumerate(order, 1):
        done.add(number)
        window.finish(items[number])
        prefix = next((each for each in range(12) if each not in done), 12)
        assert released == [start + each for each in range(prefix)]
        assert window.low_watermark == start + prefix
        assert unfinished["in"] == 12 - count


def test_a_gap_in_the_log_is_no_gap() -> None:
    """Compacted topics and transactions leave offsets out."""
    released: list[object] = []
    window: Window[str] = Window("in", released.append, Counter())
    for offset in (3, 7, 8):
        window.finish(window.begin(record(offset)))
    assert released == [3, 7, 8]
    assert window.low_watermark == 9


def test_what_is_finished_twice_counts_once() -> None:
    released: list[object] = []
    unfinished: Counter[str] = Counter()
    window: Window[str] = Window("in", released.append, unfinished)
    item = window.begin(record(0))
    window.finish(item)
    window.finish(item)
    assert (released, unfinished["in"]) == ([0], 0)


def test_nothing_of_a_former_assignment_is_released() -> None:
    released: list[object] = []
    unfinished: Counter[str] = Counter()
    window: Window[str] = Window("in", released.append, unfinished)
    first, second = window.begin(record(0)), window.begin(record(1))
    window.finish(second)
    window.close()
    assert unfinished["in"] == 0
    window.finish(first)
    assert (released, unfinished["in"]) == ([], 0)
