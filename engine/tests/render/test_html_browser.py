"""The HTML page in a real browser: Debian's Chromium, offline, with nothing but the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pgassay.matrix.page import render_matrix_html
from tests.render import html_support as support
from tests.render.browser_support import IN_BROWSER, Tab, open_tab

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with space")
    matrix = support.make_matrix(tables=1)
    (folder / "matrix.html").write_text(render_matrix_html(matrix), encoding="utf-8")
    compared = render_matrix_html(matrix, support.make_comparison())
    (folder / "difference.html").write_text(compared, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab


@pytest.fixture
def open_page(tab: Tab, folder: Path) -> Iterator[Callable[[str], Page]]:
    """Opens a file offline. At the end nothing but the file was asked for, nothing complained about."""
    tab.reset()

    def open_page(name: str) -> Page:
        tab.page.goto((folder / name).as_uri())
        return tab.page

    yield open_page
    assert [url.rpartition("/")[2] for url in tab.asked] in (["matrix.html"], ["difference.html"])
    assert tab.complaints == []


@pytest.fixture
def page(open_page: Callable[[str], Page]) -> Page:
    return open_page("matrix.html")


@pytest.fixture
def compared(open_page: Callable[[str], Page]) -> Page:
    return open_page("difference.html")


def cells(page: Page, object_name: str = support.NOTES) -> Locator:
    return page.get_by_role("grid", name=object_name, exact=True).locator("td.cell")


def shown(page: Page) -> str:
    return page.locator("#status").inner_text()


def test_hostile_names_do_nothing(compared: Page) -> None:
    compared.get_by_role("button", name="Expand all").click()
    assert compared.title() == "Access matrix"
    expect(compared.locator("img")).to_have_count(0)
    expect(compared.locator(".object-name").filter(has_text=support.HOSTILE_TABLE)).to_have_count(1)


def test_filters_narrow_the_grid_to_a_persona_and_an_outcome(page: Page) -> None:
    everything = shown(page)
    page.get_by_label("bob").check()
    expect(cells(page).filter(has_text="no grant")).to_have_count(1)  # TRUNCATE
    expect(page.get_by_role("columnheader", name="alice")).to_have_count(0)
    page.get_by_label("rejected").check()
    expect(page.locator("#status")).to_have_text("3 of 89 cells")
    expect(page.locator("td.cell:not(.dim)")).to_have_text(["! rejected"] * 3)
    page.get_by_label("Object").select_option(label=support.NOTES)
    expect(page.locator("#status")).to_have_text("1 of 89 cells")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#status")).to_have_text(everything)


def test_search_looks_into_names_reasons_and_statements(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("alice reason of denied_policy notes")
    expect(page.locator("#status")).to_have_text("1 of 89 cells")
    expect(page.locator("td.cell:not(.dim)")).to_have_text(["✕ policy"])
    page.get_by_label("Search").fill("nowhere to be found")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_grid_is_walked_by_keys_with_one_tab_stop(page: Page) -> None:
    grid = page.get_by_role("grid", name=support.NOTES, exact=True)
    expect(grid.locator('[tabindex="0"]')).to_have_count(1)
    cells(page).first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    focused = page.locator("td.cell:focus")
    expect(focused).to_have_attribute("data-label", "alice · another's")
    expect(focused).to_have_text("○ filtered")
    page.keyboard.press("Home")
    expect(focused).to_have_attribute("data-label", "anon · another's")
    page.keyboard.press("End")
    expect(focused).to_have_attribute("data-label", "bob · another's")
    expect(grid.locator('[tabindex="0"]')).to_have_count(1)
    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def test_enter_opens_the_reason_and_escape_returns_to_the_cell(page: Page) -> None:
    cells(page).filter(has_text="allowed").last.focus()  # INSERT as bob
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="bob: insert")
    expect(panel).to_contain_text("public.ledger +1")
    expect(panel).to_contain_text("public.notes.n -1")
    expect(panel.locator("pre.statement")).to_have_text(f"insert … {support.NOTES} -")
    expect(page.locator("#panel-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator("td.cell:focus")).to_have_attribute("data-label", "bob · own")


def test_witness_is_copied_for_psql(page: Page) -> None:
    cells(page).filter(has_text="allowed").first.click()
    page.get_by_role("button", name="Copy for psql").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    lines = str(page.evaluate("navigator.clipboard.readText()")).splitlines()
    assert lines[0] == "begin;"
    assert "set local role authenticated;" in lines
    assert lines[-2:] == [f"select … {support.NOTES} -;", "rollback;"]


def test_difference_is_listed_and_marked_in_the_grid(compared: Page) -> None:
    expect(compared.locator("#status")).to_have_text("3 of 89 cells")
    expect(compared.locator("td.moved-gained")).to_have_text(
        ["▲ gained: ▼ lost: ○ filtered", "▲ gained: ○ filtered"]
    )
    expect(compared.locator("td.moved-changed")).to_have_count(1)
    compared.get_by_role("button", name="bob can now SELECT").click()
    panel = compared.get_by_role("dialog", name="Difference")
    expect(panel).to_contain_text("▲ gained: filtered → allowed")
    panel.get_by_role("button", name="bob: select column_0").click()
    expect(compared.get_by_role("dialog", name="bob: select column_0")).to_be_visible()
    compared.keyboard.press("Escape")
    expect(compared.locator("td.cell:focus")).to_have_class("cell o-filtered moved-gained")
    compared.get_by_role("button", name="no longer SELECT old").click()  # no cell of the grid is left of it
    expect(compared.get_by_role("dialog", name="Difference")).to_contain_text("select old from public.notes")
    compared.keyboard.press("Escape")
    compared.get_by_label("only differences").uncheck()
    expect(compared.locator("#status")).to_have_text("89 of 89 cells")


def test_cell_that_moved_both_ways_tells_of_both(compared: Page) -> None:
    expect(compared.locator(".badge")).to_have_text(["▲ 2 gained", "▼ 1 lost", "◆ 1 changed"])
    compared.locator("td.moved-gained").first.click()
    moves = compared.get_by_role("dialog", name="bob: select").locator(".move")
    expect(moves).to_have_text(["▲ gained: filtered → allowed", "▼ lost"])
    compared.get_by_role("button", name="bob can no longer SELECT drafts").click()
    panel = compared.get_by_role("dialog", name="Difference")
    expect(panel.locator(".cells li")).to_have_text(["bob: select, another's rows"])


def test_paper_shows_the_difference_whole(compared: Page) -> None:
    witness = compared.locator(".entries pre")
    compared.get_by_role("button", name="Collapse all").click()
    expect(witness.first).to_be_hidden()
    compared.emulate_media(media="print")
    compared.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(witness).to_have_text(
        [f"begin;\nselect * from {support.NOTES};\nrollback;\n", f"select old from {support.NOTES}"]
    )
    expect(witness.first).to_be_visible()
    expect(compared.locator(".entries .on-paper").first).to_contain_text("filtered → allowed")
    expect(compared.locator("td.moved-gained")).to_have_count(2)
    compared.emulate_media(media="screen")
    compared.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(compared.locator("td.cell")).to_have_count(0)


def test_dark_follows_the_system_and_the_button(page: Page) -> None:
    page.emulate_media(color_scheme="dark")

    def brightness() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")  # follows by an event
    assert brightness() < 150
    page.get_by_role("button", name="Use light colours").click()
    assert brightness() > 600


def test_phone_stacks_cells_and_never_scrolls_sideways(compared: Page) -> None:
    compared.set_viewport_size({"width": 360, "height": 740})
    compared.get_by_role("button", name="Expand all").click()
    assert compared.evaluate("document.documentElement.scrollWidth") <= 360
    first, second = (cells(compared).nth(n).bounding_box() for n in (0, 2))
    assert first and second
    assert first["x"] == second["x"]
    assert first["y"] < second["y"]
    label = cells(compared).first.evaluate("element => getComputedStyle(element, '::before').content")
    assert label == '"anon · another\'s"'


def test_list_of_tables_leads_to_the_grid(page: Page) -> None:
    page.get_by_role("button", name="Collapse all").click()
    page.locator(f'#tables [data-object="{support.NOTES}"]').click()
    expect(page.locator("td.cell:focus")).to_have_attribute("data-label", "anon · another's")
