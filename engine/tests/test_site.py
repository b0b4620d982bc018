"""The documentation as a site, opened from disk in a browser that reaches nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.documents import ENGINE
from tests.render.browser_support import IN_BROWSER, Tab, open_tab

pytestmark = IN_BROWSER
PAGES = ("index", "tutorial", "audit", "fidelity", "reference/keys", "explanation/performance")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ENGINE, capture_output=True, check=True)
    return folder


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab


def test_search_finds_a_page_without_a_server(site: Path, tab: Tab) -> None:
    tab.page.goto((site / "rules" / "chains.html").as_uri())
    tab.page.click("[data-md-component=search-query]")
    tab.page.keyboard.type("exit codes")
    found = tab.page.locator(".md-search-result__link")
    address = f"{(site / 'reference/exit-codes.html').as_uri()}?h=exit+codes"
    expect(found.first).to_have_attribute("href", address)
    assert tab.complaints == []
    assert [url for url in tab.asked if not url.startswith("file:")] == []


@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_its_window(site: Path, tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES:
        tab.page.goto((site / f"{name}.html").as_uri())
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_copy_button_takes_the_commands_of_a_session_alone(site: Path, tab: Tab) -> None:
    tab.page.goto((site / "tutorial.html").as_uri())
    session = tab.page.locator(".highlight:has(.gp)").first
    session.hover()
    session.locator(".md-clipboard, .md-code__button").first.click()
    tab.page.click("[data-md-component=search-query]")
    tab.page.keyboard.press("Control+V")
    pasted = tab.page.input_value("[data-md-component=search-query]")
    assert pasted.split() == ["mkdir", "-p", "supabase/migrations", "pgassay", "audit"]
