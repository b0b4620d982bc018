"""Each rule has a page, whose broken schema is found and whose repair closes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from pgassay.audit.model import Severity
from pgassay.audit.rules import RULES, Rule
from pgassay.server import Server
from tests.audit.audit_support import audit_schema, of_rule

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "rules"
BY_NAME: dict[str, Rule] = {str(import_module(rule.__module__).RULE): rule for rule in RULES}


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page says: the first block of SQL is the broken schema, the second one repairs it."""

    schema: str
    repair: str
    found: tuple[str, str]

    @classmethod
    def read(cls, name: str) -> Page:
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        schema, repair = re.findall(r"^```sql\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        [found] = re.findall(r"^Found: `(.*)`, \*(.*)\*\.$", text, re.MULTILINE)
        return cls(schema=schema, repair=repair, found=found)


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(BY_NAME)


def test_pages_are_linked_from_the_page_of_the_audit() -> None:
    text = (DOCS / "audit.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(rules/([a-z-]+)\.md\)", text)) == set(BY_NAME)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_example_is_found_and_its_repair_closes_it(name: str, server: Server, tmp_path: Path) -> None:
    """Its own repair, and the one that the audit tells."""
    page, rule = Page.read(name), BY_NAME[name]
    [found] = of_rule(audit_schema(server, tmp_path, page.schema, rule), name)
    assert (found.id, found.severity.word) == page.found
    tried = [";\n".join(found.repair.statements)] if found.repair else []
    for repair in (page.repair, *tried):
        repaired = audit_schema(server, tmp_path, f"{page.schema}\n{repair}", rule)
        assert [one.id for one in of_rule(repaired, name) if one.severity <= Severity.MEDIUM] == [], repair
