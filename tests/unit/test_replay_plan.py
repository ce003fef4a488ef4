"""What a replay would do to each event."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import InvalidInput
from schemas.replay_mark import Mark
from streams.replay.plan import Facts, Mode, Only, Outcome, Plan, decide, wants
from streams.replay.window import Window, make_window

NOW = datetime(2025, 10, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mode", "only", "facts", "outcome"),
    [
        ("resume", None, Facts(), "new"),
        ("resume", None, Facts(state="done"), "done"),
        ("resume", None, Facts(state="begun"), "unfinished"),
        ("resume", None, Facts(state="answered"), "unfinished"),
        ("resume", None, Facts(state="parked"), "unfinished"),
        ("resume", None, Facts(state="unanswered"), "unanswered"),
        ("resume", None, Facts(state="failed"), "failed"),
        ("resume", None, Facts(state="failed", superseded=True), "superseded"),
        ("resume", None, Facts(state="failed", superseded=True, suppressed=True), "suppressed"),
        ("resume", None, Facts(suppressed=True), "new"),  # a STOP itself, or an ALTA after it
        ("resume", None, Facts(wanted=False), "left out"),
        ("resume", None, Facts(erased=True), "erased"),
        ("resume", "failed", Facts(), "left out"),
        ("resume", "failed", Facts(state="begun"), "left out"),
        ("resume", "failed", Facts(state="failed"), "failed"),
        ("resume", "failed", Facts(state="failed", superseded=True), "superseded"),
        ("again", None, Facts(state="done"), "again"),
        ("again", None, Facts(state="failed"), "again"),
        ("again", None, Facts(state="done", repeated=True), "repeated"),
        ("again", None, Facts(state="done", suppressed=True), "suppressed"),
        ("again", None, Facts(state="done", erased=True), "erased"),
        ("again", None, Facts(state="begun"), "unfinished"),
        ("again", None, Facts(), "new"),
        ("again", "failed", Facts(), "left out"),
        ("again", "failed", Facts(state="done"), "left out"),
        ("again", "failed", Facts(state="begun"), "left out"),
        ("again", "failed", Facts(state="failed"), "again"),
        ("again", "failed", Facts(state="failed", suppressed=True), "suppressed"),
    ],
)
def test_outcomes(mode: Mode, only: Only, facts: Facts, outcome: Outcome) -> None:
    assert decide(mode, only, facts) == outcome


def test_only_clients_that_may_be_written_to_are_counted() -> None:
    plan = Plan()
    for outcome, key in (("done", "a"), ("new", "b"), ("failed", "b"), ("superseded", "c")):
        plan.add(outcome, key)  # type: ignore[arg-type]
    assert (plan.published, plan.clients) == (2, {"b"})


def test_a_mark_survives_its_header() -> None:
    for outcome in ("new", "unfinished", "failed", "again"):
        mark = Mark(
            "20251028-120000-ab",
            wants(outcome),  # type: ignore[arg-type]
            "inbound-message/3/17",
            NOW,
        )
        assert Mark.of([("x-request-id", b"r"), mark.header()]) == mark
        assert Mark.of(dict([mark.header()])) == mark


_OUTSIDE = [
    b"a;open;b;9999-12-31T23:59:59-14:00",
    b"a;open;b;0001-01-01T00:00:00+14:00",
    b"a\x00;open;b;2025-10-28T11:30:00+00:00",
    b"x" * 65 + b";open;b;2025-10-28T11:30:00+00:00",
]


@pytest.mark.parametrize(
    "value", [b"", b"x", b"a;b;c", b"a;open", b"\xff;open", b"a;open;b;c", b"a;open;b;c;d", *_OUTSIDE]
)
def test_a_header_that_is_no_mark(value: bytes) -> None:
    assert Mark.of([("x-replay", value)]) is None


def test_windows() -> None:
    assert make_window(NOW, "1h", "2025-10-28T11:30:00", None, None) == Window(
        since=NOW - timedelta(hours=1), until=NOW - timedelta(minutes=30)
    )
    window = make_window(NOW, None, None, 5, 9)
    assert window == Window(from_offset=5, to_offset=9)
    for each in (window, make_window(NOW, "1h", None, None, None)):
        assert Window.of_json(each.as_json()) == each  # type: ignore[arg-type]


def test_a_window_that_may_be_open_has_the_end_that_is_given() -> None:
    half_past = datetime(2025, 10, 28, 11, 30, tzinfo=UTC)
    assert make_window(NOW, None, None, None, None, may_be_open=True) == Window()
    assert make_window(NOW, None, "30m", None, None, may_be_open=True) == Window(until=half_past)
    assert make_window(NOW, None, None, None, 9, may_be_open=True) == Window(to_offset=9)
    with pytest.raises(InvalidInput, match=r"^--to-offset: "):
        make_window(NOW, None, None, None, 0, may_be_open=True)


@pytest.mark.parametrize(
    ("since", "until", "first", "last", "field"),
    [
        (None, None, None, None, "--since"),
        ("x", None, None, None, "--since"),
        ("1h", "1h", None, None, "--until"),
        ("1h", "99999999999d", None, None, "--until"),
        ("2025-10-29", None, None, None, "--since"),
        ("1h", None, 3, None, "--from-offset"),
        (None, None, 3, 3, "--to-offset"),
        (None, None, -1, None, "--to-offset"),
        ("999999d", None, None, None, "--since"),
    ],
)
def test_bad_windows(
    since: str | None, until: str | None, first: int | None, last: int | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_window(NOW, since, until, first, last)
    assert caught.value.field == field
