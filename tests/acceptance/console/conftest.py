"""The operators' console in a real browser: the real stack with two workers, two operators signed in."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.support.outside import post_body
from tests.support.up import State, call_body, conversation_of, write

NUMBER = "+573138539155"
HOSTILE = "<script>document.title='roto'</script>"
Enter = Callable[[str], BrowserContext]


def call(up: State, number: str, conversation: str = "", **over: object) -> None:
    """End a call, so that its first message is sent."""
    body = call_body(conversation or f"conv_{number}", number) | over
    answer = post_body(up, body)
    assert answer.status_code == httpx.codes.OK, answer.text


@pytest.fixture(scope="session")
def campaign(staffed: State) -> State:
    """One client who was called and has written something hostile."""
    call(staffed, NUMBER, "conv_ops", batch_id="btcal_ops", batch_name="Campaña Ñ")
    call(staffed, "+573138539156", "conv_hostile", call_metadata={"client_name": HOSTILE})
    write(staffed, NUMBER, HOSTILE, "SM" + "b" * 32)
    conversation_of(staffed, NUMBER, 3)
    return staffed


@pytest.fixture(scope="module")
def cookies(campaign: State, browser: Browser) -> dict[str, StorageState]:
    """Storage of ana's and luis's browsers after signing in as people do."""
    return {name: _sign_in(campaign, browser, name) for name in campaign["operators"]}


def _sign_in(up: State, browser: Browser, name: str) -> StorageState:
    context = browser.new_context(base_url=up["web_url"], locale="en-GB")
    page = context.new_page()
    page.goto("/ops")
    page.get_by_label("Your token").fill(up["operators"][name])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    expect(page.locator(".operator")).to_have_text(name)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def enter(campaign: State, browser: Browser, cookies: dict[str, StorageState]) -> Iterator[Enter]:
    """Open a browser that is signed in as one of them, in English."""
    entered: list[BrowserContext] = []

    def new(name: str) -> BrowserContext:
        entered.append(
            browser.new_context(base_url=campaign["web_url"], locale="en-GB", storage_state=cookies[name])
        )
        return entered[-1]

    yield new
    for context in entered:
        context.close()


@pytest.fixture
def context(enter: Enter) -> BrowserContext:
    """Ana's browser."""
    return enter("ana")


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of ana's, on which nothing may go wrong."""
    yield from sound(context)


@pytest.fixture
def second(enter: Enter) -> Iterator[Page]:
    """A page of luis's, likewise."""
    yield from sound(enter("luis"))


def sound(context: BrowserContext) -> Iterator[Page]:
    """Open a page; an error on its console fails the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    assert errors == []
