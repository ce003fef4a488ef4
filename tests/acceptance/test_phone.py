"""The phone in a real browser: a newcomer ends a call, chats, breaks things; nothing is lost or doubled."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support import http
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
    page.get_by_label("Number", exact=True).fill(number)
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
    expect(luis.locator(".mine .file")).to_have_text(["image", "voice note", "location"])
    for name in ("waiting", "lost", "doubled", "out_of_order"):
        expect(page.locator(f"#count-{name}")).to_have_text("0")


def test_a_worker_killed_under_a_hundred_messages_loses_nothing(page: Page) -> None:
    for name, number in (
        ("Eva Ruiz", "+573138539160"),
        ("Iván Gil", "+573138539161"),
        ("Sara Paz", "+573138539162"),
    ):
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


@pytest.mark.parametrize("part", ["kafka", "postgres"])
def test_a_store_stopped_and_started_with_a_click_loses_nothing(page: Page, part: str) -> None:
    name = {"kafka": "Olga Mar", "postgres": "Hugo Sol"}[part]
    _end_call(page, name, {"kafka": "+573138539171", "postgres": "+573138539172"}[part])
    phone = page.locator(".phone", has_text=name)
    expect(phone.locator(".theirs")).to_have_count(1, timeout=15_000)
    page.get_by_role("button", name=f"{part}: kill -9").click()
    start = page.get_by_role("button", name=f"{part}: start")
    expect(start).to_have_attribute("aria-pressed", "true")
    phone.get_by_label(f"Message of {name}").fill("¿Sigue ahí?")
    phone.get_by_role("button", name="Send").click()
    expect(phone.locator(".mine")).to_have_count(1)
    start.click()
    expect(page.locator("#count-answered")).to_have_text("1", timeout=_RECOVERY_MS)
    for count in ("waiting", "lost", "doubled", "out_of_order"):
        expect(page.locator(f"#count-{count}")).to_have_text("0")


@pytest.mark.parametrize(
    "switch", ["Twilio away", "Twilio says 429", "Agent slow", "Agent silent", "ElevenLabs away"]
)
def test_a_vendor_in_trouble_is_waited_for(page: Page, switch: str) -> None:
    number = {
        "Twilio away": "3",
        "Twilio says 429": "4",
        "Agent slow": "5",
        "Agent silent": "6",
        "ElevenLabs away": "7",
    }
    _end_call(page, "Noa Río", f"+57313853917{number[switch]}")
    phone = page.locator(".phone", has_text="Noa Río")
    expect(phone.locator(".theirs")).to_have_count(1, timeout=15_000)
    button = page.get_by_role("button", name=switch)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    phone.get_by_label("Message of Noa Río").fill("Hola")
    phone.get_by_role("button", name="Send").click()
    expect(page.locator("#count-waiting")).to_have_text("1")
    expect(phone.locator(".counts")).to_contain_text("1 waiting")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#count-answered")).to_have_text("1", timeout=_RECOVERY_MS)
    expect(page.locator("#count-doubled")).to_have_text("0")


def test_after_stop_nobody_is_written_to_and_nothing_counts_as_waiting(page: Page) -> None:
    _end_call(page, "Lía Gris", "+573138539178")
    phone = page.locator(".phone", has_text="Lía Gris")
    expect(phone.locator(".theirs")).to_have_count(1, timeout=15_000)
    phone.get_by_role("button", name="STOP").click()
    expect(phone.locator(".theirs")).to_have_count(2, timeout=15_000)  # the one confirmation
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#said")).to_contain_text("409", timeout=15_000)
    expect(page.locator("#count-waiting")).to_have_text("0")


def test_who_withholds_and_changes_the_number_stays_one_client(page: Page) -> None:
    """The number alone, with an id, the id alone, and another number: one chat, one conversation."""
    _end_call(page, "Pía Luz", "+573138539210")
    phone = page.locator(".phone", has_text="Pía Luz")
    expect(phone.locator(".theirs")).to_have_count(1, timeout=15_000)

    def write(answers: int) -> None:
        phone.get_by_label("Message of Pía Luz").fill(f"mensaje {answers}")
        phone.get_by_role("button", name="Send").click()
        expect(phone.locator(".theirs")).to_have_count(answers + 1, timeout=20_000)

    write(1)
    for answers, shows in ((2, "number and id"), (3, "the id alone")):
        with page.expect_response("**/api/person"):
            phone.get_by_label("WhatsApp shows").select_option(label=shows)
        write(answers)
    with page.expect_response("**/api/person"):
        phone.get_by_label("WhatsApp shows").select_option(label="number and id")
    phone.get_by_role("button", name="Change the number").click()
    expect(page.locator("#said")).to_contain_text("+573138539211", timeout=15_000)
    write(4)
    expect(page.locator("#count-answered")).to_have_text("4")
    for name in ("waiting", "lost", "doubled", "out_of_order"):
        expect(page.locator(f"#count-{name}")).to_have_text("0")


def test_bad_input_is_a_sentence(page: Page) -> None:
    page.get_by_label("Number", exact=True).fill("hola")
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#said")).to_contain_text("not a phone number")


def test_no_other_site_can_post(page: Page) -> None:
    answer = http.post(page.url + "api/part", data={"part": "web"})
    assert answer.status_code == 415


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_it_is_accessible_and_fits(page: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    _end_call(page, "Ana García", ANA)
    findings = Axe().run(page).response["violations"]
    assert [f["id"] for f in findings if f["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
