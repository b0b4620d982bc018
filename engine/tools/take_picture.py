"""Take docs/pictures/audit.png anew: the page of the audit of the tutorial's first migration, in Chromium."""

from __future__ import annotations

import re
import shutil
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import ViewportSize, sync_playwright

from pgassay.cli import main

DOCS = Path(__file__).parents[1] / "docs"
SIZE = ViewportSize(width=1280, height=760)


def take() -> None:
    """Write the picture."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    [first, *_] = re.findall(r"^```sql\n-- (\S+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    with TemporaryDirectory(prefix="pgassay-") as folder:
        migration = Path(folder) / first[0]
        migration.parent.mkdir(parents=True)
        migration.write_text(first[1], encoding="utf-8")
        page = Path(folder) / "audit.html"
        with chdir(folder):  # paths are shown relative to it
            assert main(["audit", "--format", "html", "--output", str(page)]) == 1
        with sync_playwright() as playwright:
            # Chromium refuses to run as root with its sandbox.
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            view = browser.new_page(viewport=SIZE, color_scheme="light")
            view.goto(page.as_uri())
            view.screenshot(path=DOCS / "pictures" / "audit.png")
            browser.close()


if __name__ == "__main__":
    take()
