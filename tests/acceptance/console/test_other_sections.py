"""Dead letters, campaigns and suppressed numbers."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import State, conversation_of, eventually_sync, write


def _until_buried(up: State, count: int) -> None:
    """Wait for dead letters: a page shows those that were there when it was asked for."""

    def buried() -> bool:
        answer = http.get(
            up["web_url"] + "/api/dead-letters?topic=inbound-message", headers=up["headers"], timeout=15
        )
        return len(answer.json()["dead_letters"]) == count

    eventually_sync(buried)


def test_a_dead_letter_is_edited_and_answered(campaign: State, page: Page) -> None:
    write(campaign, "hola", "¿Me oyen?", "SM" + "d" * 32)  # an address that nobody has
    _until_buried(campaign, 1)
    page.goto("/ops/dead-letters")
    row = page.locator("tbody tr", has_text="inbound-message").first
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_label("Edit it")).to_have_value(re.compile("whatsapp:hola"))
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("alert")).to_contain_text("die again")
    page.locator("tbody tr", has_text="inbound-message").first.get_by_role("link").click()
    text = page.get_by_label("Edit it")
    text.fill(text.input_value().replace("whatsapp:hola", f"whatsapp:{NUMBER}"))
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status").first).to_have_text("It is done.")
    page.goto(f"/ops/conversations/{NUMBER}")
    expect(page.locator(".bubble.inbound", has_text="¿Me oyen?")).to_have_count(1, timeout=20_000)


def test_many_dead_letters_are_discarded_with_a_reason(campaign: State, page: Page) -> None:
    for place in range(3):
        write(campaign, "nadie", "x", f"SM{place}" + "e" * 31)
    _until_buried(campaign, 3)
    page.goto("/ops/dead-letters")
    expect(page.locator("tbody tr", has_text="inbound-message")).to_have_count(3)
    page.get_by_label("All", exact=True).check()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.get_by_label("All", exact=True).check()
    page.get_by_label("Why it is discarded").fill("pruebas")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status").first).to_have_text("It is done.")
    expect(page.locator("tbody tr")).to_have_count(0)
    page.goto("/ops/dead-letters?state=discarded")
    expect(page.locator("tbody tr", has_text="inbound-message")).to_have_count(3)


def test_a_campaign_is_a_table_charts_in_all_and_by_day_and_a_file(
    page: Page, context: BrowserContext
) -> None:
    page.goto("/ops/campaigns")
    page.get_by_role("link", name="Campaña Ñ").click()
    expect(page.get_by_role("columnheader", name="started")).to_be_visible()
    expect(page.get_by_role("row", name="Together").get_by_role("cell").first).to_have_text("1")
    for chart in ("How far the clients came", "The same by day"):
        picture = page.locator("figure", has_text=chart).locator("img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    rows = context.request.get("/ops/campaigns/btcal_ops/campaign.csv").text().splitlines()
    assert rows[0] == "day,started,delivered,read,answered,escalated,stopped,failed"
    assert rows[1].split(",")[1] == "1"
    days = context.request.get("/ops/campaigns/btcal_ops/days.svg", headers={"Accept-Language": "en"}).text()
    for stage in ("started", "delivered", "read", "answered", "escalated", "stopped", "failed"):
        assert f">{stage}<" in days


def test_who_wants_no_messages_is_listed_with_why(campaign: State, page: Page) -> None:
    number = "+573138539223"
    call(campaign, number)
    write(campaign, number, "STOP", "SM" + "9" * 32)
    conversation_of(campaign, number, 3)
    page.goto("/ops/suppressed")
    row = page.locator("tbody tr", has_text=number)
    expect(row).to_contain_text("client")
    expect(row).to_contain_text("SM" + "9" * 32)
    expect(row.locator("time")).to_be_visible()
