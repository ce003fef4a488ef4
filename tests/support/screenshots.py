"""`python -m tests.support.screenshots`: take the pictures in `docs/images` of a running `up`.

A few clients chat with it.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, ViewportSize, expect

from local.phone.messages import inbound
from tests.support import http
from tests.support.browser import chromium
from tests.support.outside import post_body
from tests.support.up import ROOT, State, call_body, conversation_of, running_up, write

FOLDER = ROOT / "docs" / "images"
_CLIENTS = (("Ana García", "+573138539155"), ("Luis Pérez", "+525512345678"), ("Eva Ruiz", "+5491123456789"))
_WORDS = ("Sí, me interesa", "¿Cuál es el precio?", "¿Y el horario?")
_PAGES = {
    "now": "",
    "conversations": "/conversations",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/btcal_octubre",
    "dead-letters": "/dead-letters",
    "suppressed": "/suppressed",
}
_ANSWER_MS = 60_000
_NARROW: ViewportSize = {"width": 375, "height": 812}
_BATCH = {"batch_id": "btcal_octubre", "batch_name": "Campaña Octubre"}


def main() -> None:
    """Start the service, chat, and take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        running_up(Path(folder), ROOT / ".kafka", MICROSERVICE_TOKEN=secrets.token_hex()) as up,
    ):
        _chat(up)
        with chromium() as browser:
            _console(up, browser)
            _phone(up, browser)


def _chat(up: State) -> None:
    for number, (name, phone) in enumerate(_CLIENTS):
        body = call_body(f"conv_{number}", phone) | _BATCH | {"call_metadata": {"client_name": name}}
        post_body(up, body)
        for place, words in enumerate(_WORDS[: number + 1]):
            write(up, phone, words, f"SM{number}{place}" + "a" * 30)
            conversation_of(up, phone, 3 + 2 * place)
    for kind in ("image", "voice"):
        http.post(
            up["twilio_url"] + "/_sim/inbound", json=inbound(_CLIENTS[2][1], kind, "")
        ).raise_for_status()
    conversation_of(up, _CLIENTS[2][1], 3 + 2 * len(_WORDS))
    write(up, "nadie", "¿Me oyen?", "SM" + "d" * 32)
    options = ["--calls", "12", "--messages", "60", "--data-dir", up["folder"], "--json"]
    command = [sys.executable, "-m", "cli", "demo", *options]
    json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def _console(up: State, browser: Browser) -> None:
    page = browser.new_page(base_url=up["web_url"], locale="es-ES", viewport={"width": 1280, "height": 800})
    page.goto("/ops")
    page.locator("#token").fill(up["token"])
    page.locator("main button").click()
    for name, path in _PAGES.items():
        page.goto(f"/ops{path}")
        _take(page, f"console-{name}")
    _conversation(page)
    page.set_viewport_size(_NARROW)
    page.emulate_media(color_scheme="dark")
    for name in ("now", "conversations"):
        page.goto(f"/ops{_PAGES[name]}")
        _take(page, f"console-{name}-narrow")


def _conversation(page: Page) -> None:
    """Take a conversation that a person has taken over, with a picture of the client's open."""
    page.goto(f"/ops/conversations/{_CLIENTS[2][1]}")
    page.locator("[name=command][value=escalate] ~ button").click()
    page.locator("#text").fill("Hola, Eva, soy Marta. ¿A qué hora le llamo?")
    page.locator("[name=command][value=write] ~ button").click()
    expect(page.locator(".bubble .tick.read").last).to_be_visible(timeout=_ANSWER_MS)
    page.locator("details.turn summary").first.click()
    page.locator("details.file summary").first.click()
    expect(page.locator("details.file img").first).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1060})
    _take(page, "console-conversation")


def _phone(up: State, browser: Browser) -> None:
    page = browser.new_page(locale="es-ES", viewport={"width": 1280, "height": 860})
    page.goto(up["web_url"] + "/phone")
    for name, number in _CLIENTS[:2]:
        page.locator("[name=name]").fill(name)
        page.locator("[name=number]").fill(number)
        page.locator("#call-form button").click()
        page.locator(".phone", has_text=name).wait_for()
    for name, words in (("Ana García", "¿Cuál es el precio?"), ("Luis Pérez", "Hola")):
        phone = page.locator(".phone", has_text=name)
        phone.locator("[name=text]").fill(words)
        page.keyboard.press("Enter")
        expect(phone.locator(".theirs .tick.read").last).to_be_visible(timeout=_ANSWER_MS)
    expect(page.locator("#count-waiting")).to_have_text("0", timeout=_ANSWER_MS)
    answers = phone.locator(".theirs").count()
    phone.locator("[data-kind=image]").click()
    expect(phone.locator(".theirs")).to_have_count(answers + 1, timeout=_ANSWER_MS)
    expect(phone.locator(".theirs .tick.read").last).to_be_visible(timeout=_ANSWER_MS)
    expect(page.locator("#count-waiting")).to_have_text("0", timeout=_ANSWER_MS)
    _take(page, "phone")
    page.set_viewport_size(_NARROW)
    page.emulate_media(color_scheme="dark")
    page.locator(".phone").first.scroll_into_view_if_needed()
    _take(page, "phone-narrow")


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
