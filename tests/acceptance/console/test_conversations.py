"""The list with search and filters; one conversation with its bubbles, ticks, files, call and journal."""

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from local.phone.messages import inbound
from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.outside import post_call
from tests.support.up import State, conversation_of

_SECONDS = """audio => new Promise((told, failed) => {
  audio.onloadedmetadata = () => told(audio.duration);
  audio.onerror = () => failed(audio.error.message);
  audio.preload = "metadata";
  audio.load();
})"""


def test_the_list_is_searched_by_number_name_and_campaign(page: Page) -> None:
    known = ("3138539155", "Ana Garc", "ANA GARCÍA", "btcal_ops", "campaña ñ")
    for words, found in [*((words, 1) for words in known), ("nobody like that", 0), ("%", 0)]:
        page.goto("/ops/conversations")
        page.get_by_label("Number, name or campaign").fill(words)
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".list li", has_text=NUMBER)).to_have_count(found)
    page.goto("/ops/conversations?status=escalated")
    expect(page.locator(".list li", has_text=NUMBER)).to_have_count(0)


def test_the_list_is_filtered(campaign: State, page: Page) -> None:
    refused, escalated = "+573138539220", "+573138539221"
    numbers = campaign["twilio_url"] + "/_sim/numbers"
    http.post(numbers, json={"number": refused, "error_code": 21211}).raise_for_status()
    url, headers = campaign["web_url"], campaign["headers"]
    answer = post_call(campaign, "conv_refused_here", refused)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    call(campaign, escalated)
    told = {"command": "escalate", "by": "Eva"}
    assert http.post(
        url + f"/api/conversations/{escalated}/commands", json=told, headers=headers, timeout=15
    ).is_success
    for label, value, number in (("Show", "failed", refused), ("Status", "escalated", escalated)):
        page.goto("/ops/conversations")
        page.get_by_label(label).select_option(value)
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".list li", has_text=number)).to_have_count(1)
        expect(page.locator(".list li", has_text=NUMBER)).to_have_count(0)


def test_a_failed_turn_says_why_in_words(campaign: State, page: Page) -> None:
    page.goto("/ops/conversations/+573138539220")
    page.locator("details.turn summary").first.click()
    expect(page.locator("details.turn").first).to_contain_text("21211")


def test_a_conversation_shows_bubbles_ticks_and_its_journal(page: Page) -> None:
    page.goto("/ops/conversations")
    page.locator(".list a", has_text=NUMBER).click()
    expect(page.locator(".bubble.outbound").first).to_contain_text("Ana")
    expect(page.locator(".bubble.outbound").first.locator(".tick.read")).to_be_visible()
    steps = page.locator("details.turn", has_text="answer").last
    steps.locator("summary").click()
    for step in ("received", "asked", "answered", "delivered", "read", "done"):
        expect(steps).to_contain_text(step)


def test_the_calls_summary_and_the_agent_are_shown(page: Page) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    expect(page.locator(".side")).to_contain_text("Campaña Ñ")
    expect(page.locator(".side")).to_contain_text("conv_ops")
    expect(page.locator(".facts").first).to_contain_text("agent_1")


def test_files_are_described_and_fetched_through_our_host_when_somebody_opens_them(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    number = "+573138539222"
    call(campaign, number)
    for kind in ("image", "voice"):
        http.post(campaign["twilio_url"] + "/_sim/inbound", json=inbound(number, kind, "")).raise_for_status()
    conversation_of(campaign, number, 4)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/ops/conversations/{number}")
    picture = page.locator(".bubble", has_text="una imagen").locator("details.file")
    expect(picture.locator("summary")).to_have_text("image, image/png")
    assert not [url for url in asked if "/media/" in url]
    picture.locator("summary").click()
    expect(picture.locator("img")).to_be_visible()
    picture.locator("img").evaluate("image => image.decode()")
    voice = page.locator(".bubble", has_text="un mensaje de voz").locator("details.file")
    voice.locator("summary").click()
    assert voice.locator("audio").evaluate(_SECONDS) > 0
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {
        campaign["web_url"].split("/")[2]
    }
    saved = context.request.get(str(picture.get_by_role("link").get_attribute("href")))
    assert (saved.headers["content-type"], saved.headers["content-disposition"]) == (
        "image/png",
        "attachment",
    )


def test_a_file_that_is_not_there_is_a_sentence(context: BrowserContext) -> None:
    page = context.new_page()
    answer = page.goto(f"/ops/conversations/{NUMBER}/media/SM{'b' * 32}/0")
    assert answer is not None
    assert answer.status == httpx.codes.NOT_FOUND
    expect(page.get_by_role("alert")).to_contain_text("Twilio does not have this file any more")


def test_what_clients_write_is_text_everywhere(page: Page) -> None:
    for path in ("/ops/conversations?q=document", f"/ops/conversations/{NUMBER}"):
        page.goto(path)
        expect(page.get_by_text("document.title").first).to_be_visible()
        assert page.title() != "roto"
        assert page.locator("main script").count() == 0


def test_an_unknown_number_is_a_sentence(context: BrowserContext) -> None:
    page = context.new_page()
    answer = page.goto("/ops/conversations/+573000000099")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("no conversation")
