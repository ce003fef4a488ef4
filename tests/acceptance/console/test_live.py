"""Pages follow what happens, even after a lost connection."""

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import State, conversation_of, eventually_sync, write

_SOON_MS = 20_000


def test_a_page_follows_what_happens(campaign: State, page: Page) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    bubbles = page.locator(".bubble")
    page.evaluate("document.querySelector('main').dataset.kept = 'yes'")
    before = bubbles.count()
    write(campaign, NUMBER, "¿Y el horario?", "SM" + "c" * 32)
    expect(bubbles).to_have_count(before + 2, timeout=20_000)
    expect(page.locator("main[data-kept]")).to_have_count(1)  # the page itself was not loaded again


def test_whoever_writes_sees_new_messages_and_keeps_the_form(campaign: State, page: Page) -> None:
    number = "+573138539224"
    call(campaign, number)
    write(campaign, number, "Hola", "SM" + "1" * 32)
    conversation_of(campaign, number, 3)
    page.goto(f"/ops/conversations/{number}")
    page.get_by_label("Write to the client").press_sequentially("Soy A")
    write(campaign, number, "¿Hay alguien?", "SM" + "2" * 32)
    expect(page.locator(".bubble", has_text="¿Hay alguien?")).to_be_visible(timeout=_SOON_MS)
    page.keyboard.type("na")
    expect(page.get_by_label("Write to the client")).to_have_value("Soy Ana")


def test_after_a_lost_connection_a_page_is_right_again(campaign: State, context: BrowserContext) -> None:
    number = "+573138539225"
    call(campaign, number)
    page = context.new_page()
    page.goto(f"/ops/conversations/{number}")
    expect(page.locator(".bubble")).to_have_count(1)
    parts = campaign["env"]["PHONE_URL"] + "/api/part"
    http.post(parts, json={"part": "web"}).raise_for_status()  # kill -9; its supervisor starts it again
    expect(page.locator("#connection")).to_be_visible(timeout=_SOON_MS)
    eventually_sync(lambda: _is_ready(campaign))
    write(campaign, number, "¿Sigue ahí?", "SM" + "3" * 32)
    expect(page.locator(".bubble", has_text="¿Sigue ahí?")).to_be_visible(timeout=_SOON_MS)
    expect(page.locator("#connection")).to_be_hidden(timeout=_SOON_MS)
    expect(page.locator(".bubble")).to_have_count(3, timeout=_SOON_MS)


def _is_ready(up: State) -> bool:
    try:
        return http.get(up["web_url"] + "/ready").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
