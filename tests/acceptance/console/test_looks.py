"""Every page is accessible, fits 375 px, works light and dark, in both languages, by keyboard alone."""

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.console.conftest import NUMBER

PAGES = (
    "/ops",
    "/ops/conversations",
    f"/ops/conversations/{NUMBER}",
    "/ops/suppressed",
    "/ops/dead-letters",
    "/ops/campaigns",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_pages_are_accessible_and_fit(
    context: BrowserContext, path: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    findings = Axe().run(page).response["violations"]
    assert [f["id"] for f in findings if f["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_both_languages_are_complete(page: Page) -> None:
    page.goto("/ops/conversations")
    page.get_by_role("button", name="Español").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Conversaciones")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Conversations")


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/ops/conversations")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(re.compile("To the content"))
    page.keyboard.press("Enter")
    page.locator(".list a", has_text=NUMBER).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana García")
    page.locator("details.turn summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.turn").first).to_have_attribute("open", "")
    page.get_by_label("Another agent's id").focus()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Change agent")
    assert page.locator(":focus").evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
