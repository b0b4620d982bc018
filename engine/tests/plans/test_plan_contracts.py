"""Contracts as they stand in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.errors import ConfigError, Place
from pgassay.plans.model import read_contracts
from tests.plans.plan_support import CONTRACTS


def write(folder: Path, text: str) -> tuple[Path, ...]:
    (folder / "plans.toml").write_text(text, encoding="utf-8")
    return (folder,)


def test_contract_knows_its_clauses_and_its_place(tmp_path: Path) -> None:
    (contract,) = read_contracts(write(tmp_path, CONTRACTS))
    assert (contract.name, contract.persona, contract.indexes) == (
        *("my notes", "alice"), ("notes_person_idx",),
    )  # fmt: skip
    assert (contract.parameters, contract.buffers, contract.rows_within) == (("0",), 60, 2)
    assert contract.place == Place(file=tmp_path / "plans.toml", line=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold tables [[contract]]"),
        ("contract = []", "There is no plan contract."),
        ("[[contract]", "Cannot read "),
        (CONTRACTS.replace("buffers = 60", "bufers = 30"), ": unknown key bufers"),
        (
            CONTRACTS.replace("buffers = 60", "buffers = true"),
            "plans.toml: Expected `int | null`, got `bool`",
        ),
        (CONTRACTS.replace('persona = "alice"', ""), "missing required field `persona`"),
        (CONTRACTS.replace("select *", "selct *"), "is not SQL"),
        (CONTRACTS.replace("words >= $1", "words >= $1; select 1"), "is 2 statements, not one"),
        (CONTRACTS * 2, "same name: my notes"),
    ],
)
def test_broken_contract_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_contracts(write(tmp_path, text))
    assert message in str(refusal.value)


def test_project_without_contracts_is_told_what_to_add() -> None:
    with pytest.raises(ConfigError) as refusal:
        read_contracts(())
    assert refusal.value.why == "The configuration names no plans."
    assert refusal.value.fixes == ('add plans = ["tests/plans"]',)
