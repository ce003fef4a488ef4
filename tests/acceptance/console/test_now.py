"""The overview while all is well, while a vendor is away, and while no worker answers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from schemas.documents import now
from schemas.events import InboundMessage
from schemas.topics import INBOUND_MESSAGE
from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import State, conversation_of, produce, stopped

_SOON_MS = 30_000
_WAITED = timedelta(minutes=2)


def _written_a_while_ago(up: State, number: str, sid: str) -> None:
    """A client's message that has been on its way for so long: nobody waits for it here."""
    params = {"MessageSid": sid, "From": f"whatsapp:{number}", "To": "whatsapp:+14155238886", "Body": "Hola"}
    event = InboundMessage(event_id=sid, received_at=now() - _WAITED, params=params)
    produce(up, INBOUND_MESSAGE, number, event.to_json())


def _tile(page: Page, name: str) -> Locator:
    return page.locator(".tile", has=page.get_by_text(name, exact=True)).locator("dd")


def test_it_tells_turns_response_times_and_parts_and_draws_the_last_hour_and_day(
    campaign: State, page: Page
) -> None:
    page.goto("/ops")
    expect(_tile(page, "Waiting")).to_have_text("0")
    for name in ("Response time p50 (1 h)", "Response time p95 (1 h)"):
        expect(_tile(page, name)).to_have_text(re.compile(r"^\d+(\.\d)? s$"))
    for part in ("database: connected", "kafka: connected", "twilio: ok", "elevenlabs: ok"):
        expect(page.get_by_text(part)).to_be_visible()
    for chart in ("Turns of the last hour", "Turns of the last day"):
        picture = page.locator("figure", has_text=chart).locator("img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    number = "+573138539230"
    call(campaign, number)  # the page is open meanwhile
    expect(_tile(page, "Turns in the last minute")).to_have_text(re.compile("[1-9]"), timeout=_SOON_MS)


@contextmanager
def _away(up: State) -> Iterator[None]:
    """ElevenLabs answers nothing but 500, under an address that is known already, too."""
    faults, always, never = up["elevenlabs_url"] + "/_sim/faults", {"probability": 1.0}, {"probability": 0.0}
    http.post(faults, json={"500": always, "socket-500": always}).raise_for_status()
    try:
        yield
    finally:
        http.post(faults, json={"500": never, "socket-500": never}).raise_for_status()


def test_while_a_vendor_is_away_it_tells_the_pause_what_waits_and_what_is_stuck(
    campaign: State, page: Page
) -> None:
    number = "+573138539231"
    call(campaign, number)
    with _away(campaign):
        _written_a_while_ago(campaign, number, "SM" + "4" * 32)
        page.goto("/ops")
        expect(page.get_by_text("paused: elevenlabs")).to_be_visible(timeout=_SOON_MS)
        expect(_tile(page, "Being worked on")).to_have_text("1", timeout=_SOON_MS)
        expect(
            page.get_by_text("No event is unfinished.")
        ).to_be_visible()  # what waits is stored, and holds nothing up
        expect(page.get_by_role("region", name="What is stuck")).to_contain_text(number, timeout=_SOON_MS)
        expect(_tile(page, "Oldest waiting")).to_have_text("2 min", timeout=_SOON_MS)
        page.goto("/ops/conversations")
        page.get_by_label("Show").select_option("waiting")
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".list li", has_text=number)).to_have_count(1)
        expect(page.locator(".list li", has_text=NUMBER)).to_have_count(0)
    page.goto("/ops")
    conversation_of(campaign, number, 3)
    expect(page.get_by_text("paused: elevenlabs")).to_have_count(0, timeout=_SOON_MS)


def test_a_worker_that_does_not_answer_is_named(campaign: State, page: Page) -> None:
    with stopped(campaign, "worker"):
        page.goto("/ops")
        expect(page.get_by_text(re.compile("no answer from http"))).to_have_count(2)


@pytest.mark.parametrize("span", ["hour", "day"])
def test_charts_are_kept_for_a_moment_only(campaign: State, page: Page, span: str) -> None:
    answer = page.context.request.get(f"/ops/charts/{span}.svg")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
        "image/svg+xml",
        "private, max-age=15",
    )
