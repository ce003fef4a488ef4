"""How far a partition is read when some of its offsets hold no record."""

from streams.engine.offsets import ReadOffsets

_PLACE = "calls/0"


def test_records_alone() -> None:
    read: ReadOffsets[str] = ReadOffsets()
    read.begin({_PLACE: 5})
    assert read.to_commit(_PLACE) is None
    read.given(_PLACE, 5)
    read.given(_PLACE, 6)
    assert not read.reached(_PLACE, 7)
    assert (read.read_up_to(_PLACE, 6), read.to_commit(_PLACE)) == (6, None)
    read.done(_PLACE, 5)
    assert read.to_commit(_PLACE) == 6
    read.done(_PLACE, 6)
    assert (read.read_up_to(_PLACE, 7), read.to_commit(_PLACE)) == (7, 7)


def test_offsets_without_a_record_are_behind_who_has_done_all_before_them() -> None:
    read: ReadOffsets[str] = ReadOffsets()
    read.begin({_PLACE: 0})
    read.given(_PLACE, 0)
    assert read.reached(_PLACE, 4)
    assert not read.reached(_PLACE, 4), "told once"
    assert (read.read_up_to(_PLACE, 0), read.to_commit(_PLACE)) == (0, None)
    read.done(_PLACE, 0)
    assert (read.read_up_to(_PLACE, 1), read.to_commit(_PLACE)) == (4, 4)
    read.given(_PLACE, 4)
    assert (read.read_up_to(_PLACE, 1), read.read_up_to(_PLACE, 5)) == (1, 5)


def test_a_partition_that_holds_nothing_but_what_was_taken_back() -> None:
    read: ReadOffsets[str] = ReadOffsets()
    read.begin({_PLACE: 0})
    assert read.reached(_PLACE, 3)
    assert (read.read_up_to(_PLACE, 0), read.to_commit(_PLACE)) == (3, 3)


def test_a_new_assignment_begins_anew() -> None:
    read: ReadOffsets[str] = ReadOffsets()
    read.begin({_PLACE: 0})
    read.given(_PLACE, 8)
    read.done(_PLACE, 8)
    read.begin({_PLACE: 3})
    assert list(read) == [_PLACE]
    assert (read.read_up_to(_PLACE, 3), read.to_commit(_PLACE)) == (3, None)
