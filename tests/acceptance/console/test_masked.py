"""With masking configured, numbers show only their ends until somebody opens the conversation."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from local.process import free_port
from tests.acceptance.console.conftest import NUMBER, call
from tests.support import http
from tests.support.up import ROOT, State, conversation_of, eventually_sync, write

_SUPPRESSED = "+573138539240"
_SHOWN = "+57******9155"


@pytest.fixture(scope="module")
def masked(campaign: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second web of the same service, with the setting; return its address."""
    call(campaign, _SUPPRESSED)
    write(campaign, _SUPPRESSED, "STOP", "SM" + "5" * 32)
    conversation_of(campaign, _SUPPRESSED, 3)
    url = f"http://127.0.0.1:{(port := free_port())}"
    env = os.environ | campaign["env"] | {"PORT": str(port), "OPERATORS_SEE_MASKED_NUMBERS": "true"}
    with (tmp_path_factory.mktemp("masked") / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "web"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    try:
        eventually_sync(lambda: _is_ready(url))
        yield url
    finally:
        process.terminate()
        assert process.wait(30) == 0, Path(log.name).read_text()


def _is_ready(url: str) -> bool:
    try:
        return http.get(f"{url}/ready").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@pytest.fixture
def page(masked: str, campaign: State, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has signed in there with the service's token."""
    context = browser.new_context(base_url=masked, locale="en-GB")
    page = context.new_page()
    page.goto("/ops")
    page.get_by_label("Your token").fill(campaign["token"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".operator")).to_have_text("servicio")
    yield page
    context.close()


@pytest.mark.parametrize(
    "path", ["/ops", "/ops/conversations", "/ops/suppressed", "/ops/dead-letters", "/ops/campaigns"]
)
def test_no_list_holds_a_whole_number_anywhere(page: Page, path: str) -> None:
    page.goto(path)
    html = page.content()
    assert NUMBER.lstrip("+") not in html
    assert _SUPPRESSED.lstrip("+") not in html


def test_an_opened_conversation_shows_its_number(page: Page) -> None:
    page.goto("/ops/conversations")
    page.locator(".list a", has_text=_SHOWN).filter(has_text="Ana").first.click()
    expect(page.locator(".facts .number")).to_have_text(NUMBER)


def test_a_suppressed_number_shows_its_end(page: Page) -> None:
    page.goto("/ops/suppressed")
    expect(page.locator("tbody tr", has_text="+57******9240")).to_have_count(1)


def test_a_conversation_that_is_gone_is_a_sentence(page: Page) -> None:
    answer = page.goto("/ops/open/999999999")
    assert answer is not None
    assert answer.status == httpx.codes.NOT_FOUND
    expect(page.get_by_role("alert")).to_contain_text("no such conversation any more")
