"""The page of an audit in a real browser: findings first, then the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pgassay.audit.model import Audit
from pgassay.audit.report import report_audit
from pgassay.render.report import render_html
from tests.audit.page_sample import make_audit
from tests.render import html_support as support
from tests.render.browser_support import IN_BROWSER, Tab, open_tab

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab


@pytest.fixture
def page(tab: Tab, tmp_path: Path) -> Iterator[Page]:
    """At the end nothing but the file was asked for, and nothing complained about."""
    tab.reset()
    file = tmp_path / "audit.html"
    file.write_text(render_html(report_audit(make_audit())), encoding="utf-8")
    tab.page.goto(file.as_uri())
    yield tab.page
    assert [url.rpartition("/")[2] for url in tab.asked] == ["audit.html"]
    assert tab.complaints == []


def findings(page: Page) -> Locator:
    return page.get_by_role("list", name="Findings").get_by_role("listitem")


def test_findings_come_first_and_say_their_severity_in_words(page: Page) -> None:
    expect(page.locator(".verdict strong")).to_have_text("1 critical, 1 high, 1 medium, 1 info, 1 accepted.")
    expect(findings(page).locator(".severity")).to_have_text(["critical", "high", "medium", "info"])
    expect(findings(page).first.locator(".finding-place")).to_contain_text("0001_orders.sql:7")
    expect(findings(page).first.locator(".finding-id")).to_have_text("strangers:public.orders:update:bob")
    titles = page.locator("main > section > h2").all_inner_texts()
    assert titles == ["Findings", "Who can do what", "Tables"]


def test_hostile_names_do_nothing(page: Page) -> None:
    assert page.title() == "Audit"
    expect(page.locator("img")).to_have_count(0)
    expect(findings(page).nth(1)).to_contain_text(support.HOSTILE)


def test_witness_and_repair_are_shown_and_copied(page: Page) -> None:
    blocks = findings(page).first.locator("pre")
    expect(blocks).to_have_text(
        [
            "-- as anon\ndelete from public.orders where id = 1;  -- shows rows",
            "alter table public.orders enable row level security;\n",
        ]
    )
    findings(page).first.get_by_role("button", name="Copy for psql").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    lines = str(page.evaluate("navigator.clipboard.readText()")).splitlines()
    assert lines[3] == "begin;"
    assert lines[-2:] == ["delete from public.orders where id = 1;  -- shows rows", "rollback;"]


def test_search_and_severities_narrow_the_list(page: Page) -> None:
    status = page.locator("#finding-status")
    expect(status).to_have_text("4 of 4 findings")
    page.keyboard.press("f")
    page.keyboard.type("ANYONE public.orders")
    expect(status).to_have_text("1 of 4 findings")
    expect(findings(page)).to_have_count(1)
    page.get_by_label("Search").first.fill("")
    page.get_by_label("high").check()
    expect(findings(page).locator(".severity")).to_have_text(["high"])
    page.get_by_label("Search").first.fill("nowhere to be found")
    expect(page.get_by_text("No finding matches.")).to_be_visible()


def test_keys_walk_from_finding_to_finding(page: Page) -> None:
    focused = page.locator(".finding:focus .severity")
    for key, severity in (
        ("j", "critical"),
        ("j", "high"),
        ("j", "medium"),
        ("k", "high"),
        ("k", "critical"),
    ):
        page.keyboard.press(key)
        expect(focused).to_have_text(severity)
    page.keyboard.press("k")
    expect(focused).to_have_text("critical")
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()


def test_letters_that_are_typed_move_nothing(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("jfkc")
    expect(page.locator("#search")).to_have_value("jfkc")
    expect(page.locator(".finding:focus")).to_have_count(0)


def test_what_is_accepted_and_was_not_tried_is_behind_a_click(page: Page) -> None:
    reason = page.get_by_text("Accepted: It is a demo.")
    expect(reason).to_be_hidden()
    page.get_by_text("Accepted: 1").click()
    expect(reason).to_be_visible()
    page.get_by_text("Not tried: 1").click()
    expect(page.get_by_text("public.f(xml) needs an argument")).to_be_visible()
    page.get_by_text("Acceptances that expired: 1").click()
    expect(page.get_by_text("nothing is found any more")).to_be_visible()


@pytest.mark.parametrize("width", [400, 1280])
def test_page_never_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    for name in ("Accepted: 1", "Not tried: 1", "Acceptances that expired: 1"):
        page.get_by_text(name).click()
    page.get_by_role("button", name="Expand all").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_matrix_below_answers_as_on_its_own_page(page: Page) -> None:
    page.locator("td.cell").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_page_without_findings_has_the_matrix(tab: Tab, tmp_path: Path) -> None:
    tab.reset()
    file = tmp_path / "nothing.html"
    audit = Audit(matrix=support.make_matrix(), untried=("public.f(xml) needs an argument",))
    file.write_text(render_html(report_audit(audit)), encoding="utf-8")
    tab.page.goto(file.as_uri())
    expect(tab.page.locator(".verdict strong")).to_have_text("nothing found.")
    expect(tab.page.get_by_text("Nothing was found.")).to_be_visible()
    tab.page.keyboard.press("f")
    tab.page.locator("td.cell").first.click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    assert tab.complaints == []
