"""Spooled events published in sequence: those of one key, and of all keys one person's messages name."""

import json

import pytest

from db.readers.gateway import SpooledEvent
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE
from web.spool_order import in_lines, keys_beside

NUMBER, OTHER, USER, PARENT = "+573138539155", "+573138539199", "CO.1234", "CO.ENT.7"


def said(place: int, key: str, topic: str = INBOUND_MESSAGE, **named: str) -> SpooledEvent:
    params = {"From": f"whatsapp:{key}"} | {name: f"whatsapp:{address}" for name, address in named.items()}
    value = json.dumps({"event_id": f"SM{place}", "params": params}).encode()
    return SpooledEvent(id=place, topic=topic, key=key, value=value, request_id=None, trace=None)


def lines(*rows: SpooledEvent) -> list[list[int]]:
    return sorted([row.id for row in line] for line in in_lines(rows))


def test_other_peoples_events_are_published_side_by_side() -> None:
    assert lines(said(1, NUMBER), said(2, OTHER), said(3, USER), said(4, NUMBER)) == [[1, 4], [2], [3]]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_wherever_a_message_names_both_all_of_the_persons_go_in_their_order(place: int) -> None:
    rows = [said(1, USER), said(2, NUMBER), said(3, USER), said(4, OTHER)]
    rows.insert(place, said(9, NUMBER, ExternalUserId=USER))
    [others, persons] = sorted(in_lines(rows), key=len)
    assert ([row.id for row in others], [row.id for row in persons]) == (
        [4],
        [row.id for row in rows if row.id != 4],
    )


def test_so_do_those_of_whoever_has_changed_the_number() -> None:
    rows = [
        said(1, NUMBER, ExternalUserId=USER, ParentExternalUserId=PARENT),
        said(2, "CO.99"),
        said(3, OTHER, ExternalUserId="CO.99", ParentExternalUserId=PARENT),
        said(4, USER),
        said(5, "+573138539177"),
    ]
    assert lines(*rows) == [[1, 2, 3, 4], [5]]


ODD = [b"", b"{", b"[]", b"{}", b'{"params": 1}', b'{"params": {"From": 7}}', b'{"params": {"From": "x"}}']


@pytest.mark.parametrize("value", ODD)
def test_what_cannot_be_read_is_published_by_its_key(value: bytes) -> None:
    assert keys_beside(INBOUND_MESSAGE, value) == ()


def test_only_clients_messages_name_addresses() -> None:
    both = said(1, NUMBER, ExternalUserId=USER)
    assert keys_beside(both.topic, both.value) == (USER,)
    assert keys_beside(CALL_COMPLETED, both.value) == ()
