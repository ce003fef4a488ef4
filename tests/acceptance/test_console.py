"""The operators' console in a real browser, on the real stack with two workers."""

import re
from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.support.up import State, call_body, conversation_of, write

NUMBER = "+573138539155"
HOSTILE = "<script>document.title='roto'</script>"


@pytest.fixture(scope="module")
def campaign(staffed: State) -> State:
    """One client who was called and has written something hostile."""
    _call(staffed, call_body("conv_ops", NUMBER) | {"batch_id": "btcal_ops", "batch_name": "Campaña Ñ"})
    _call(staffed, call_body("conv_hostile", "+573138539156") | {"call_metadata": {"client_name": HOSTILE}})
    write(staffed, NUMBER, HOSTILE, "SM" + "b" * 32)
    conversation_of(staffed, NUMBER, 3)
    return staffed


def _call(up: State, body: State) -> None:
    answer = httpx.post(up["web_url"] + "/api/call-completed", headers=up["headers"], timeout=15, json=body)
    assert answer.status_code == httpx.codes.OK, answer.text


@pytest.fixture(scope="module")
def signed_in(campaign: State, browser: Browser) -> StorageState:
    """The cookies of ana, who has signed in as people do."""
    context = browser.new_context(base_url=campaign["web_url"], locale="en-GB")
    page = context.new_page()
    page.goto("/ops")
    page.get_by_label("Your token").fill(campaign["operators"]["ana"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    expect(page.locator(".operator")).to_have_text("ana")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(campaign: State, browser: Browser, signed_in: StorageState) -> Iterator[BrowserContext]:
    """A browser that is signed in as ana, in English."""
    context = browser.new_context(base_url=campaign["web_url"], locale="en-GB", storage_state=signed_in)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which nothing may go wrong."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    assert errors == []


def test_nobody_sees_anything_without_signing_in(campaign: State) -> None:
    for path in ("/ops", "/ops/conversations", f"/ops/conversations/{NUMBER}", "/ops/suppressed", "/ops/charts/hour.svg"):
        answer = httpx.get(campaign["web_url"] + path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/sign-in")


def test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets(context: BrowserContext) -> None:
    cookie = next(each for each in context.cookies() if each["name"] == "ops_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/ops")


def test_a_form_of_another_site_does_nothing(campaign: State, context: BrowserContext) -> None:
    answer = context.request.post(f"/ops/conversations/{NUMBER}/commands", form={"command": "close"})
    assert answer.status == 403
    assert conversation_of(campaign, NUMBER, 1)["status"] == "active"


def test_an_operator_takes_over_writes_and_hands_back(campaign: State, page: Page) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_role("status").first).to_have_text("You have taken over; the agent is silent.")
    expect(page.locator(".facts .mark.escalated")).to_be_visible()
    page.get_by_label("Write to the client").fill("Soy Ana, de la oficina.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").first).to_have_text("Your message was sent.")
    expect(page.locator(".bubble.outbound").last).to_contain_text("Soy Ana, de la oficina.")
    page.get_by_role("button", name="Hand back to the agent").click()
    expect(page.locator(".facts .mark.active")).to_be_visible()
    assert conversation_of(campaign, NUMBER, 1)["status"] == "active"


def test_a_form_sent_twice_is_done_once(campaign: State, page: Page, context: BrowserContext) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    form = page.locator("form", has=page.get_by_label("Write to the client"))
    fields = {name: form.locator(f"[name={name}]").input_value() for name in ("csrf", "command", "command_id")}
    for _ in range(2):
        path = f"/ops/conversations/{NUMBER}/commands"
        assert context.request.post(path, form=fields | {"text": "Solo una vez"}).ok
    page.reload()
    expect(page.locator(".bubble", has_text="Solo una vez")).to_have_count(1)


def test_a_command_that_cannot_be_done_says_why(page: Page) -> None:
    page.goto("/ops/conversations/+573138539156")  # this client has never written
    expect(page.locator(".note")).to_contain_text("24 hours")
    page.get_by_label("What is to be said").fill("¿Sigue ahí?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("24-hour window")


def test_a_closed_conversation_can_only_be_begun_again(page: Page) -> None:
    page.goto("/ops/conversations/+573138539156")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("The conversation is closed.")
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
    page.get_by_role("button", name="Hand back to the agent").click()
    expect(page.locator(".facts .mark.active")).to_be_visible()


def test_the_list_is_searched_by_number_name_and_campaign(page: Page) -> None:
    for words, found in (("3138539155", 1), ("Ana Garc", 1), ("btcal_ops", 1), ("nobody like that", 0), ("%", 0)):
        page.goto("/ops/conversations")
        page.get_by_label("Number, name or campaign").fill(words)
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".list li", has_text=NUMBER)).to_have_count(found)
    page.goto("/ops/conversations?status=escalated")
    expect(page.locator(".list li", has_text=NUMBER)).to_have_count(0)


def test_a_conversation_shows_bubbles_ticks_and_its_journal(page: Page) -> None:
    page.goto("/ops/conversations")
    page.locator(".list a", has_text=NUMBER).click()
    expect(page.locator(".bubble.outbound").first).to_contain_text("Ana")
    expect(page.locator(".bubble.outbound").first.locator(".tick.read")).to_be_visible()
    steps = page.locator("details.turn", has_text="answer").last
    steps.locator("summary").click()
    for step in ("received", "asked", "answered", "delivered", "read", "done"):
        expect(steps).to_contain_text(step)


def test_what_clients_write_is_text_everywhere(page: Page) -> None:
    for path in ("/ops/conversations?q=document", f"/ops/conversations/{NUMBER}"):
        page.goto(path)
        expect(page.get_by_text("document.title").first).to_be_visible()
        assert page.title() != "roto"
        assert page.locator("main script").count() == 0


def test_a_page_follows_what_happens_and_comes_back_after_a_lost_connection(campaign: State, page: Page) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    bubbles = page.locator(".bubble")
    before = bubbles.count()
    write(campaign, NUMBER, "¿Y el horario?", "SM" + "c" * 32)
    expect(bubbles).to_have_count(before + 2, timeout=20_000)
    page.evaluate("document.querySelector('main').dataset.kept = 'yes'")  # the page itself was not loaded again
    expect(page.locator("main[data-kept]")).to_have_count(1)


def test_both_languages_are_complete(page: Page) -> None:
    page.goto("/ops/conversations")
    page.get_by_role("button", name="Español").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Conversaciones")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Conversations")


def test_an_unknown_number_is_a_sentence(context: BrowserContext) -> None:
    page = context.new_page()
    answer = page.goto("/ops/conversations/+573000000099")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("no conversation")


def test_a_number_is_exported_and_erased_only_when_it_is_meant(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    number = "+573138539199"
    _call(campaign, call_body("conv_erased", number))
    page.goto(f"/ops/conversations/{number}")
    assert "conv_erased" in context.request.get(f"/ops/conversations/{number}/export.json").text()
    for typed, problem in ((NUMBER, True), (number, False)):
        page.get_by_text("Export or erase").click()
        page.get_by_label("Erased for good").fill(typed)
        page.get_by_role("button", name="Erase").click()
        said = page.get_by_role("alert" if problem else "status").first
        expect(said).to_contain_text("Nothing was erased" if problem else "is erased")
    answer = httpx.get(campaign["web_url"] + f"/api/conversations/{number}", headers=campaign["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND


def test_a_campaign_is_a_funnel_a_table_and_a_file(page: Page, context: BrowserContext) -> None:
    page.goto("/ops/campaigns")
    page.get_by_role("link", name="Campaña Ñ").click()
    expect(page.get_by_role("columnheader", name="started")).to_be_visible()
    expect(page.get_by_role("row", name="Together").get_by_role("cell").first).to_have_text("1")
    assert page.locator("figure img").evaluate("image => image.complete && image.naturalWidth > 0")
    rows = context.request.get("/ops/campaigns/btcal_ops/campaign.csv").text().splitlines()
    assert rows[0] == "day,started,delivered,read,answered,escalated,stopped,failed"
    assert rows[1].split(",")[1] == "1"


def test_a_dead_letter_is_edited_and_answered(campaign: State, page: Page) -> None:
    write(campaign, "hola", "¿Me oyen?", "SM" + "d" * 32)  # an address that nobody has
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
    page.goto("/ops/dead-letters")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_label("All", exact=True).check()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.get_by_label("All", exact=True).check()
    page.get_by_label("Why it is discarded").fill("pruebas")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status").first).to_have_text("It is done.")
    page.goto("/ops/dead-letters?state=discarded")
    expect(page.locator("tbody tr")).to_have_count(3)


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


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/ops/conversations")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(re.compile("To the content"))


def test_wrong_tokens_are_refused_and_then_held_back(campaign: State) -> None:
    url = campaign["web_url"] + "/ops/sign-in"
    answers = [httpx.post(url, data={"token": f"wrong{n}"}).status_code for n in range(7)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Whoever is held back is told so in a sentence.
    assert "Wait a minute" in httpx.post(url, data={"token": "x"}, headers={"Accept-Language": "en"}).text
