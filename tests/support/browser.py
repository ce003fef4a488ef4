"""Debian's Chromium, driven by playwright's library."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

# Containers give root no sandbox. The rest keeps Chromium from calling anybody.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium. Without it the tests are skipped, or fail if REQUIRE_CHROMIUM is set."""
    path = shutil.which("chromium")
    if path is None and not os.environ.get("REQUIRE_CHROMIUM"):
        pytest.skip("chromium is not installed (Debian's package `chromium`)")
    assert path is not None, "these tests must run in chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()
