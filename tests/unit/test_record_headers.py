"""Headers of anybody's records: well-formed, or treated as absent."""

import pytest

from schemas.topics import header, moved_for, request_id_of, traceparent_of

_TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_what_has_its_form_is_there_however_it_is_carried() -> None:
    pairs = [
        ("other", None),
        ("x-request-id", b"r-1/2:3"),
        ("traceparent", _TRACE.encode()),
        ("x-request-id", b"second"),
    ]
    for headers in (pairs, tuple(pairs), {"x-request-id": b"r-1/2:3", "traceparent": _TRACE.encode()}):
        assert (request_id_of(headers), traceparent_of(headers)) == ("r-1/2:3", _TRACE)


@pytest.mark.parametrize(
    "value", [None, b"", b"a b", b"a\x00b", b"\xff", "ñ".encode(), b"a\nb", b"x" * 129, "text", 5]
)
def test_what_has_not_is_not(value: object) -> None:
    assert request_id_of([("x-request-id", value)]) is None


@pytest.mark.parametrize(
    "value", [b"nonsense", b"00-\x00", _TRACE.upper().encode(), _TRACE.encode() + b"-" + b"x" * 65]
)
def test_a_trace_of_another_form_is_none(value: bytes) -> None:
    assert traceparent_of({"traceparent": value}) is None


@pytest.mark.parametrize(
    ("value", "partitions"),
    [(b"8", 8), (b"", 0), (b"-8", 0), (b"8 ", 0), (b"9" * 7, 0), ("٨".encode(), 0), (None, 0)],
)
def test_a_move_tells_for_how_many_partitions(value: object, partitions: int) -> None:
    assert moved_for([("x-moved", value)]) == partitions


@pytest.mark.parametrize("headers", [None, (), {}])
def test_no_headers_at_all(headers: object) -> None:
    assert header(headers, "x-request-id") is None
