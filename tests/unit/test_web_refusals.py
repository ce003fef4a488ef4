"""Vendors' refusals of our account, of all workers together, in words."""

from typing import Any

import pytest

from web.vendors import failing
from web.work import Work
from web.workers import refusal_line, refusals

EARLY, LATE = "2026-03-02T15:00:00+00:00", "2026-03-02T15:00:09+00:00"


def refused(
    code: str = "63112", scope: str = "account", vendor: str = "twilio", **over: str
) -> dict[str, Any]:
    return {"vendor": vendor, "scope": scope, "code": code, "since": LATE, "until": LATE} | over


def test_what_several_workers_meet_is_said_once_with_the_first_time_of_each() -> None:
    views = {
        "a": {"refused": [refused(until=EARLY)]},
        "b": {"refused": [refused(since=EARLY)]},
        "c": None,
        "d": {},
    }
    [found] = refusals(views)
    assert (found["since"], found["until"]) == (EARLY, EARLY)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            refused(),
            "Meta has disabled the WhatsApp account or still verifies it (twilio 63112): "
            f"all that is for it waits since {LATE}, tried again at {LATE};"
            " to do: see the account's state in Meta's Business Manager",
        ),
        (
            refused("63018", "first_messages"),
            "WhatsApp takes no more messages for now (twilio 63018): first messages wait, answers do not"
            f" since {LATE}, tried again at {LATE};"
            " to do: see the sender's messaging limit in Meta's WhatsApp Manager; wait,"
            " or ask for a higher one",
        ),
        (
            refused("21211", "user_ids"),
            "the account may not send to business-scoped ids (twilio 21211): "
            f"what is for them alone is not sent since {LATE}; to do: ask Twilio to enable it;"
            " people whose number is known are written to there",
        ),
        (
            refused("quota_exceeded", vendor="elevenlabs"),
            "the ElevenLabs account is out of credits (elevenlabs quota_exceeded): all that is for it waits"
            f" since {LATE}, tried again at {LATE};"
            " to do: buy credits, or enable usage-based billing at ElevenLabs",
        ),
    ],
)
def test_it_says_what_it_is_until_when_and_what_to_do(told: dict[str, Any], said: str) -> None:
    [found] = refusals({"a": {"refused": [told]}})
    assert refusal_line(found) == said
    work = Work(None, None, lambda: {"a": {"refused": [told]}})  # type: ignore[arg-type]
    assert (work.now()["problems"], work.now()["refused"]) == ([said], [found])


def test_a_vendor_that_refuses_our_account_fails_whatever_its_probe_says() -> None:
    assert failing([{"refused": [refused()]}]) == {"twilio"}
    assert failing([{"refused": [refused(scope="first_messages")]}]) == frozenset()
