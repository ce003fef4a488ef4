"""What operators do with a conversation: alone, at the same time, and while no worker is there."""

import re

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import State, conversation_of, stopped, write

# A page hears of a change within a second or two; this machine is shared.
_SOON_MS = 20_000
_ENGLISH = {"Accept-Language": "en", "Accept": "text/html"}
# From workers that come back to their first turn: session time-out and rebalance.
_RECOVERY_MS = 90_000


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
    fields = {
        name: form.locator(f"[name={name}]").input_value() for name in ("csrf", "command", "command_id")
    }
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


def test_a_number_is_exported_and_erased_only_when_it_is_meant(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    number = "+573138539199"
    call(campaign, number, "conv_erased")
    page.goto(f"/ops/conversations/{number}")
    assert "conv_erased" in context.request.get(f"/ops/conversations/{number}/export.json").text()
    for typed, problem in ((NUMBER, True), (number, False)):
        page.get_by_text("Export or erase").click()
        page.get_by_label("Erased for good").fill(typed)
        page.get_by_role("button", name="Erase").click()
        said = page.get_by_role("alert" if problem else "status").first
        expect(said).to_contain_text("Nothing was erased" if problem else "is erased")
    answer = http.get(campaign["web_url"] + f"/api/conversations/{number}", headers=campaign["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND


def test_two_operators_see_each_other_and_do_not_tread_on_each_other(
    campaign: State, page: Page, second: Page
) -> None:
    number = "+573138539212"
    call(campaign, number)
    write(campaign, number, "Hola", "SM" + "f" * 32)
    conversation_of(campaign, number, 3)
    for each in (page, second):
        each.goto(f"/ops/conversations/{number}")
    expect(page.locator("#others")).to_have_text("luis has this conversation open, too.", timeout=_SOON_MS)
    expect(second.locator("#others")).to_have_text("ana has this conversation open, too.", timeout=_SOON_MS)
    second.get_by_label("Write to the client").fill("Soy Luis.")  # while he writes, his form stays as it is
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_role("status").first).to_have_text("You have taken over; the agent is silent.")
    expect(second.get_by_text("ana has taken over this conversation.")).to_be_visible(timeout=_SOON_MS)
    second.get_by_role("button", name="Send").click()
    expect(second.get_by_role("alert")).to_contain_text(
        "ana did something here meanwhile, so nothing was done."
    )
    expect(second.get_by_label("Write to the client")).to_have_value("Soy Luis.")
    expect(second.locator(".bubble", has_text="Soy Luis")).to_have_count(0)
    second.get_by_role("button", name="Send").click()  # he has seen it now, and means it
    expect(second.get_by_role("status").first).to_have_text("Your message was sent.")
    expect(page.locator(".bubble", has_text="Soy Luis").locator(".operator")).to_have_text(
        "luis", timeout=_SOON_MS
    )
    second.goto("/ops")
    expect(page.locator("#others")).to_have_count(0, timeout=_SOON_MS)


def test_one_click_of_two_is_enough(campaign: State, page: Page, second: Page) -> None:
    number = "+573138539213"
    call(campaign, number)
    for each in (page, second):
        each.goto(f"/ops/conversations/{number}")
        expect(each.get_by_role("button", name="Take over")).to_be_visible()
    form = second.locator("form", has=second.get_by_role("button", name="Take over"))
    fields = {
        name: form.locator(f"[name={name}]").input_value()
        for name in ("csrf", "command", "command_id", "seen")
    }
    page.get_by_role("button", name="Take over").click()
    expect(page.locator(".facts .mark.escalated")).to_be_visible()
    path = f"/ops/conversations/{number}/commands"  # luis clicks after ana, on a page that does not know
    answer = second.context.request.post(path, form=fields, headers=_ENGLISH)
    assert "ana did something here meanwhile" in answer.text()
    expect(second.locator(".plain li")).to_have_count(1, timeout=_SOON_MS)
    expect(second.locator(".plain li")).to_contain_text("escalated: ana")


def test_a_command_on_a_closed_conversation_is_a_sentence(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    number = "+573138539214"
    call(campaign, number)
    page.goto(f"/ops/conversations/{number}")
    csrf = page.locator("main [name=csrf]").first.input_value()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".note")).to_contain_text("This conversation is closed")
    fields = {"csrf": csrf, "command": "write", "text": "¿Sigue ahí?", "command_id": "ops-closed"}
    answer = context.request.post(f"/ops/conversations/{number}/commands", form=fields, headers=_ENGLISH)
    assert "The conversation is closed: resume it first" in answer.text()
    assert conversation_of(campaign, number, 1)["message_count"] == 1


def test_while_no_worker_is_there_a_command_is_kept_and_done_afterwards(campaign: State, page: Page) -> None:
    number = "+573138539215"
    call(campaign, number)
    page.goto(f"/ops/conversations/{number}")
    with stopped(campaign, "worker"):
        page.get_by_role("button", name="Take over").click()
        said = page.get_by_role("status").first
        expect(said).to_contain_text("It is kept and will be done", timeout=_SOON_MS)
    expect(page.locator(".facts .mark.escalated")).to_be_visible(timeout=_RECOVERY_MS)


def test_outside_the_window_a_template_is_offered(campaign: State, page: Page) -> None:
    number = "+573138539216"
    call(campaign, number)
    page.goto(f"/ops/conversations/{number}")  # this client has never written
    expect(page.locator(".note")).to_contain_text("WhatsApp takes only an approved template")
    page.get_by_label("Template (HX…)").fill("HX" + "a" * 32)
    page.get_by_label("What is to be said").fill("¿Sigue ahí?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".told p")).to_have_text(re.compile("sent|template|content", re.IGNORECASE))
