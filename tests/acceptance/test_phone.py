"""The phone in a real browser: a newcomer ends a call, chats, breaks things, and sees that nothing is lost or doubled."""

from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.up import State

ANA, LUIS = "+573138539180", "+525512345678"
# From a killed worker to the last answer: session time-out, rebalance, a hundred messages.
_RECOVERY_MS = 90_000


@pytest.fixture
def page(staffed: State, browser: Browser) -> Iterator[Page]:
    """The phone, in English, on which no script fails."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(staffed["web_url"] + "/phone")
    yield page
    assert errors == []
    context.close()


def _end_call(page: Page, name: str, number: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Number").fill(number)
    page.get_by_role("button", name="End the call").click()
    expect(page.locator(".phone", has_text=name)).to_be_visible()


def test_clients_chat_side_by_side_with_every_kind_of_message(page: Page) -> None:
    _end_call(page, "Ana García", ANA)
    _end_call(page, "Luis Pérez", "+5215512345678")
    ana, luis = page.locator(".phone", has_text="Ana García"), page.locator(".phone", has_text="Luis Pérez")
    expect(ana.locator(".theirs").first).to_contain_text("Ana", timeout=15_000)
    expect(luis).to_contain_text(LUIS)
    ana.get_by_label("Message of Ana García").fill("¿Cuál es el precio?")
    ana.get_by_role("button", name="Send").click()
    expect(ana.locator(".theirs").last).to_contain_text("$99", timeout=15_000)
    expect(ana.locator(".tick.read").last).to_be_visible(timeout=15_000)
    for kind in ("image", "voice note", "location", "button"):
        answers = luis.locator(".theirs").count()
        luis.get_by_role("button", name=kind, exact=True).click()
        expect(luis.locator(".theirs")).to_have_count(answers + 1, timeout=20_000)
    for name in ("waiting", "lost", "doubled", "out_of_order"):
        expect(page.locator(f"#count-{name}")).to_have_text("0")


def test_a_worker_killed_under_a_hundred_messages_loses_nothing(page: Page) -> None:
    for name, number in (("Eva Ruiz", "+573138539160"), ("Iván Gil", "+573138539161"), ("Sara Paz", "+573138539162")):
        _end_call(page, name, number)
    page.get_by_role("button", name="worker-1: kill -9").click()
    page.get_by_role("button", name="Send 100 messages at once").click()
    expect(page.locator("#said")).to_contain_text("100 / 100", timeout=30_000)
    expect(page.locator("#count-answered")).to_have_text("100", timeout=_RECOVERY_MS)
    for name in ("waiting", "lost", "doubled", "out_of_order"):
        expect(page.locator(f"#count-{name}")).to_have_text("0")


def test_twilio_that_accepts_and_drops_doubles_nothing(page: Page) -> None:
    _end_call(page, "Rosa Vega", "+573138539170")
    phone = page.locator(".phone", has_text="Rosa Vega")
    expect(phone.locator(".theirs")).to_have_count(1, timeout=15_000)
    switch = page.get_by_role("button", name="Twilio accepts, then drops")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    phone.get_by_label("Message of Rosa Vega").fill("Hola")
    phone.get_by_role("button", name="Send").click()
    expect(page.locator("#count-answered")).to_have_text("1", timeout=30_000)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(phone.locator(".theirs")).to_have_count(2)
    expect(page.locator("#count-doubled")).to_have_text("0")


def test_bad_input_is_a_sentence(page: Page) -> None:
    page.get_by_label("Number").fill("hola")
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#said")).to_contain_text("not a phone number")


def test_no_other_site_can_post(page: Page) -> None:
    answer = httpx.post(page.url + "api/part", data={"part": "web"})
    assert answer.status_code == 415


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_it_is_accessible_and_fits(page: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    _end_call(page, "Ana García", ANA)
    findings = Axe().run(page).response["violations"]
    assert [f["id"] for f in findings if f["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
