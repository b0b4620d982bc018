"""The page says what the catalogue says, and every test that it names is there."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.attacks.attack import Attack, Written
from tests.attacks.catalogue import SECTIONS
from tests.attacks.threat_model import PAGE, TESTS, render

ENTRIES = [attack for section in SECTIONS for attack in section.attacks]
WRITTEN = [attack for attack in ENTRIES if isinstance(attack, Written)]


def test_page_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "stale: run `make threat-model`"


@pytest.mark.parametrize("attack", WRITTEN, ids=lambda attack: attack.name)
def test_hand_written_test_exists(attack: Written) -> None:
    file, _, name = attack.test.partition("::")
    [path] = TESTS.rglob(file)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_two_attacks_have_one_name() -> None:
    names = Counter(
        (attack.by, attack.title if isinstance(attack, Attack) else attack.name) for attack in ENTRIES
    )
    assert [name for name, count in names.items() if count > 1] == []
