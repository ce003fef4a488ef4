"""Who gets in, what the session is, how it is safe from other sites, and what it leaves when it ends."""

import re

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import State, conversation_of


def test_nobody_sees_anything_without_signing_in(campaign: State) -> None:
    for path in (
        "/ops",
        "/ops/conversations",
        f"/ops/conversations/{NUMBER}",
        "/ops/suppressed",
        "/ops/charts/hour.svg",
    ):
        answer = http.get(campaign["web_url"] + path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/sign-in")
    for path in (
        f"/ops/conversations/{NUMBER}/export.json",
        f"/ops/conversations/{NUMBER}/media/MM1/0",
        "/ops/live",
    ):
        assert http.get(campaign["web_url"] + path).status_code == httpx.codes.SEE_OTHER


def test_the_session_is_a_cookie_that_no_script_and_no_other_site_gets(context: BrowserContext) -> None:
    cookie = next(each for each in context.cookies() if each["name"] == "ops_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/ops")


def test_a_form_of_another_site_does_nothing(campaign: State, context: BrowserContext) -> None:
    answer = context.request.post(f"/ops/conversations/{NUMBER}/commands", form={"command": "close"})
    assert answer.status == 403
    assert conversation_of(campaign, NUMBER, 1)["status"] == "active"


def test_an_ended_session_loses_nothing_of_what_was_being_written(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    page.goto(f"/ops/conversations/{NUMBER}")
    page.get_by_label("Write to the client").fill("Un momento, por favor.")
    # A page that nobody looks at does not fetch itself, so that it is the form that finds the session ended.
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    context.clear_cookies(name="ops_session")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".note")).to_contain_text("Sign in to go on where you were")
    page.get_by_label("Your token").fill(campaign["operators"]["ana"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Write to the client")).to_have_value("Un momento, por favor.")
    expect(page.locator(".bubble", has_text="Un momento")).to_have_count(0)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").first).to_have_text("Your message was sent.")
    expect(page.get_by_label("Write to the client")).to_have_value("")


def test_an_open_page_finds_out_that_its_session_has_ended(
    campaign: State, page: Page, context: BrowserContext
) -> None:
    number = "+573138539241"
    call(campaign, number)
    page.goto(f"/ops/conversations/{number}")
    expect(page.locator(".bubble")).to_have_count(1)
    context.clear_cookies(name="ops_session")
    url, body = (
        campaign["web_url"] + f"/api/conversations/{number}/commands",
        {"command": "close", "by": "Eva"},
    )
    assert http.post(url, json=body, headers=campaign["headers"], timeout=15).status_code == httpx.codes.OK
    expect(page.get_by_label("Your token")).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile("back="))


@pytest.mark.parametrize("elsewhere", ["https://example.com/", "//example.com/", "/opsx", "/api/stats"])
def test_signing_in_leads_nowhere_else(campaign: State, elsewhere: str) -> None:
    fields = {"token": campaign["operators"]["luis"], "back": elsewhere}
    answer = http.post(campaign["web_url"] + "/ops/sign-in", data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops")


def test_who_did_what_stands_in_the_conversation(campaign: State, page: Page) -> None:
    number = "+573138539242"
    call(campaign, number)
    page.goto(f"/ops/conversations/{number}")
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Another agent's id").fill("agent_2")
    page.get_by_role("button", name="Change agent").click()
    expect(page.locator(".plain li")).to_have_text(
        [re.compile("agent_changed: ana → agent_2"), re.compile("escalated: ana")]
    )
    assert conversation_of(campaign, number, 1)["agent_id"] == "agent_2"
