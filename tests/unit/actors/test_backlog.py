"""What lies between what was handed over and a topic's end: who may go ahead of it, and with what."""

import json

import pytest

from clients.kafka.producer import partition_of
from schemas.phone import conversation_key
from streams.actors.backlog import Backlog
from streams.engine.following import Followed

_PARTITIONS = 2
_SINCE = 1000.0
_BEFORE, _LATER = 999.0, 1001.0
_NUMBERS = [f"+5731385391{place:02d}" for place in range(20)]
OURS = "+14155238886"
ANA, EVA = [each for each in _NUMBERS if partition_of(each, _PARTITIONS) == 0][:2]
LUIS = next(each for each in _NUMBERS if partition_of(each, _PARTITIONS) == 1)


def backlog(most_bytes: int = 1_000_000) -> Backlog:
    return Backlog(_SINCE, lambda key: partition_of(key, _PARTITIONS), most_bytes)


def record(
    offset: int, number: str, at: float = _BEFORE, *, key: str | None = None, person: str = ""
) -> Followed:
    params = {"MessageSid": f"SM{offset}", "From": f"whatsapp:{number}", "To": f"whatsapp:{OURS}"}
    event = {"event_id": f"SM{offset}", "received_at": "2026-03-02T15:00:00Z", "params": params}
    value = json.dumps(event | {"person": person or None}, separators=(",", ":")).encode()
    name = number if key is None else key
    return Followed(partition_of(number, _PARTITIONS), offset, name.encode() or None, value, (), at)


def offsets(found: list[Followed]) -> list[int]:
    return [each.offset for each in found]


def test_who_writes_now_goes_ahead_with_all_that_was_written_before() -> None:
    waiting = backlog()
    assert [waiting.add(record(0, ANA)), waiting.add(record(1, EVA)), waiting.add(record(2, ANA))] == [
        False
    ] * 3
    assert waiting.add(record(3, ANA, _LATER))
    assert offsets(waiting.of(ANA.encode(), {0: 0})) == [0, 2, 3]
    assert offsets(waiting.of(LUIS.encode(), {0: 0})) == []


def test_a_record_without_a_time_was_not_written_now() -> None:
    assert not backlog().add(record(0, ANA)._replace(timestamp=None))


def test_what_was_handed_over_is_forgotten() -> None:
    waiting = backlog()
    for offset in range(3):
        waiting.add(record(offset, ANA))
    waiting.handed_over(ANA.encode(), 0, 1)
    assert offsets(waiting.of(ANA.encode(), {0: 2})) == [2]
    waiting.handed_over(ANA.encode(), 0, 2)
    waiting.handed_over(EVA.encode(), 0, 9)
    assert (ANA.encode() in waiting, waiting.bytes) == (False, 0)


@pytest.mark.parametrize(
    "odd",
    [
        record(1, EVA, key=ANA),  # the key of somebody else
        record(1, EVA, key=""),
        record(1, EVA, key=OURS),  # which it names, too
        record(1, EVA, key=EVA.removeprefix("+")),
        record(1, EVA, key=f"whatsapp:{EVA}"),
        record(1, EVA)._replace(key=b"\xff"),
        record(1, EVA)._replace(value=None),
        record(1, LUIS)._replace(partition=0),  # which is moved, to be read later
    ],
)
def test_who_wrote_a_record_is_certain_or_its_partition_waits_until_it_was_read(odd: Followed) -> None:
    waiting = backlog()
    waiting.add(record(0, ANA))
    assert not waiting.add(odd)
    assert not waiting.add(odd._replace(timestamp=_LATER))
    waiting.add(record(2, ANA, _LATER))
    waiting.add(record(0, LUIS, _LATER))
    assert offsets(waiting.of(ANA.encode(), {0: 1, 1: 0})) == []
    assert offsets(waiting.of(LUIS.encode(), {0: 1, 1: 0})) == [0]
    assert offsets(waiting.of(ANA.encode(), {0: 2, 1: 0})) == [0, 2]


def test_an_address_whose_message_is_its_persons_is_known_by_the_person() -> None:
    waiting = backlog()
    from_id = record(0, "CO.1", _LATER, person=ANA, key=ANA)._replace(partition=0)
    assert waiting.add(from_id)
    assert offsets(waiting.of(ANA.encode(), {0: 0})) == [0]


def test_nobody_goes_ahead_while_partitions_move() -> None:
    waiting = backlog()
    waiting.add(record(0, ANA, _LATER))
    assert waiting.of(ANA.encode(), {}) == []


def test_beyond_its_bound_only_numbers_are_kept_and_those_wait_for_their_turn() -> None:
    waiting = backlog(most_bytes=len(record(0, ANA).value or b"") * 2)
    for offset, number in enumerate((ANA, EVA, ANA)):
        waiting.add(record(offset, number))
    assert waiting.add(record(3, EVA, _LATER)), "it is known to write now"
    assert waiting.of(ANA.encode(), {0: 0}) == waiting.of(EVA.encode(), {0: 0}) == []
    waiting.handed_over(ANA.encode(), 0, 2)
    waiting.handed_over(EVA.encode(), 0, 3)
    assert waiting.bytes == 0
    assert waiting.add(record(4, EVA, _LATER))
    assert offsets(waiting.of(EVA.encode(), {0: 4})) == [4]


def test_who_is_left_waits_for_the_turn_of_all_that_was_written_so_far() -> None:
    waiting = backlog()
    waiting.add(record(0, ANA, _LATER))
    waiting.leave(ANA.encode())
    waiting.add(record(1, ANA, _LATER))
    assert waiting.of(ANA.encode(), {0: 0}) == []
    waiting.handed_over(ANA.encode(), 0, 0)
    assert offsets(waiting.of(ANA.encode(), {0: 1})) == [1]


@pytest.mark.parametrize("address", ["+5215512345678", "+551199887766"])
def test_an_older_spelling_of_a_number_is_known_by_reading_it(address: str) -> None:
    key = conversation_key(address)
    assert key != address
    waiting = backlog()
    spelled = record(0, address, _LATER, key=key)._replace(partition=partition_of(key, _PARTITIONS))
    assert waiting.add(spelled)


def test_what_was_found_in_the_vendors_list_was_not_written_now() -> None:
    found = record(0, ANA, _LATER)
    value = (found.value or b"").replace(b'"person":null', b'"backfilled":true,"person":null')
    assert not backlog().add(found._replace(value=value))


def test_a_record_on_another_partition_than_its_numbers_does_not_forget_the_numbers() -> None:
    waiting = backlog()
    waiting.add(record(0, ANA))
    waiting.add(record(1, ANA, _LATER))
    waiting.handed_over(ANA.encode(), 1, 500)
    assert offsets(waiting.of(ANA.encode(), {0: 0})) == [0, 1]
