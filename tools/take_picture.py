"""Take docs/pictures/difference.png anew: the page of the regression that docs/reviewing.md tells of."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import ViewportSize, sync_playwright

from pgassay.config import load_config
from pgassay.diff.report import report_review
from pgassay.diff.review import review
from pgassay.project.revisions import Side
from pgassay.render.report import render_html
from pgassay.server import open_server

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "difference.png"
SIZE = ViewportSize(width=1280, height=655)
POLICY = 'create policy "Users view their own jobs" on public.jobs\nfor select to authenticated using '


def main() -> None:
    with TemporaryDirectory(prefix="pgassay-") as folder:
        page = Path(folder) / "access.html"
        page.write_text(render_regression(Path(folder)), encoding="utf-8")
        photograph(page)


def render_regression(folder: Path) -> str:
    """The page of a policy that lost its condition."""
    config = load_config(ROOT)
    schema = (ROOT / "schema.sql").read_text(encoding="utf-8")
    before = f"{POLICY}(user_id = (select auth.uid()));"
    assert before in schema
    changed = folder / "schema.sql"
    changed.write_text(schema.replace(before, f"{POLICY}(true);"), encoding="utf-8")
    base = Side(label="origin/main", config=config)
    head = Side(label="the working tree", config=replace(config, schema=(changed,)), folder=folder)
    with open_server(config.server) as server:
        return render_html(report_review(review(server, base, head)))


def photograph(page: Path) -> None:
    """With the reason and the witness of the first cell open."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport=SIZE, color_scheme="light")
        view.goto(page.as_uri())
        view.locator("td.moved-gained").first.click()
        view.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
