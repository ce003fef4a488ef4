"""Headers of a Kafka record. Whoever made the record may have put anything there: what has not its form is not there."""

import re
from typing import Any

from schemas.topics import MOVED_HEADER, REQUEST_ID_HEADER, TRACE_HEADER

# Anybody's ids: printable and without blanks, so that a log line stays one and Postgres can keep it.
_IDENTITY = re.compile(r"[\x21-\x7e]{1,128}")
# W3C Trace Context; a later version of it may have more behind these four.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,64})?")

# A number of partitions; no topic has millions of them.
_COUNT = re.compile(r"[0-9]{1,6}")


def header(headers: Any, name: str) -> str | None:  # noqa: ANN401 - Faust's or aiokafka's, of anybody's record
    """Return a header's text, unbounded; None where it is not there or no text."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    found = next((value for each, value in pairs if each == name), None)
    try:
        return found.decode() if isinstance(found, bytes) else None
    except UnicodeDecodeError:
        return None


def request_id_of(headers: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the id that follows an event from the webhook to the send."""
    return _of_form(header(headers, REQUEST_ID_HEADER), _IDENTITY)


def traceparent_of(headers: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the trace in which the record was made."""
    return _of_form(header(headers, TRACE_HEADER), _TRACEPARENT)


def moved_for(headers: Any) -> int:  # noqa: ANN401 - as above
    """Return for how many partitions the record was put where it lies; 0 where it was never moved."""
    return int(_of_form(header(headers, MOVED_HEADER), _COUNT) or 0)


def _of_form(text: str | None, form: re.Pattern[str]) -> str | None:
    return text if text is not None and form.fullmatch(text) else None
