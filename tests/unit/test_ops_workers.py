"""The overview's figures of all workers, out of what each tells."""

from web.ops.workers import told

ONE = {
    "lag": {"inbound-message-0": 3, "inbound-message-1": 0, "call-completed-0": 0},
    "partitions": {"call-completed-0": {"unfinished": 2, "oldest_offset": 7, "oldest_seconds": 4.5}},
    "paused": ["twilio"],
}
TWO = {"lag": {"inbound-message-2": 0}, "partitions": {}, "paused": ["twilio", "elevenlabs"]}


def test_partitions_with_something_to_do_are_rows_of_their_own() -> None:
    rows = told({"a": ONE, "b": TWO}).lag
    assert [(row["name"], row["lag"], row["unfinished"], row["oldest_seconds"]) for row in rows] == [
        ("call-completed-0", 0, 2, 4.5),
        ("inbound-message-0", 3, 0, None),
    ]


def test_a_vendor_that_several_pause_is_named_once() -> None:
    assert told({"a": ONE, "b": TWO}).pauses == ["twilio", "elevenlabs"]


def test_who_does_not_answer_is_named_and_hides_nobody() -> None:
    found = told({"a": None, "b": TWO})
    assert (found.unreachable, found.pauses) == (["a"], ["twilio", "elevenlabs"])
