"""Pages in a real browser: Debian's Chromium, offline, with nothing but the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect, sync_playwright

PATIENCE = 60_000  # milliseconds, on a machine with better things to do
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ARGUMENTS = (
    "--no-sandbox",  # refuses to run as root otherwise
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
)
IN_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(
        _CHROMIUM is None, reason="There is no Chromium: apt-get install chromium, then these tests run."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One page for all tests: a new one would cost a process. What it asked for, and complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def reset(self) -> None:
        self.page.goto("about:blank")
        self.page.emulate_media(media="screen", color_scheme="light")
        self.page.set_viewport_size({"width": 1280, "height": 720})
        self.asked.clear()
        self.complaints.clear()


@contextmanager
def open_tab() -> Iterator[Tab]:
    """A browser with one page, which may use the clipboard."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        with browser.new_context(offline=True, permissions=["clipboard-read", "clipboard-write"]) as context:
            context.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            tab = Tab(page=context.new_page())
            tab.listen()
            yield tab
        browser.close()
