"""Contracts from TOML: tables `[[contract]]` with the fields of `Contract`, `index` for a single one."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pglast import parser

from pgassay.errors import ConfigError
from pgassay.plans.model import Contract

# What each clause takes, for Python and for people.
_CLAUSES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "name": (str, "a text"),
    "persona": (str, "a text"),
    "query": (str, "a text"),
    "parameters": (list, "a list"),
    "index": (str, "a text"),
    "indexes": (list, "a list"),
    "whole": (list, "a list"),
    "buffers": (int, "a whole number"),
    "rows_within": ((int, float), "a number"),
    "sorts": (bool, "true or false"),
    "index_only": (bool, "true or false"),
    "hot": ((int, float), "a share such as 0.9"),
}
_NEEDED = ("name", "persona", "query")


def read_contracts(paths: tuple[Path, ...]) -> tuple[Contract, ...]:
    """The contracts of TOML files, and of all such files in folders, in order of files and lines.

    Raises ConfigError for a broken file, an unknown or missing key, a wrong type, a query that is not one
    statement, a name that occurs twice, and where there is no contract at all.
    """
    contracts = tuple(contract for file in _files(paths) for contract in _read_file(file))
    names = Counter(contract.name for contract in contracts)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(f"Two plan contracts have the same name: {', '.join(twice)}")
    if not contracts:
        where = f"Looked in {', '.join(map(str, paths))}" if paths else "[tool.pgassay] names no plans."
        raise ConfigError("There is no plan contract.", why=where, fixes=('add plans = ["tests/plans"]',))
    return contracts


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _read_file(file: Path) -> Iterator[Contract]:
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read {file}: {error}", fixes=("correct the file",)) from error
    if set(document) != {"contract"} or not isinstance(document["contract"], list):
        raise ConfigError(f"{file} must hold tables [[contract]] and nothing else.")
    for table in document["contract"]:
        contract = _read_contract(file, table)
        yield replace(contract, line=_line_of(contract.name, text))


def _read_contract(file: Path, table: dict[str, Any]) -> Contract:
    place = f'the contract "{table.get("name", "without a name")}" in {file}'
    for clause, value in table.items():
        _check_clause(clause, value, place)
    if missing := [clause for clause in _NEEDED if clause not in table]:
        raise ConfigError(f"{', '.join(missing)} missing from {place}.")
    _check_query(table["query"], place)
    single = [table["index"]] if "index" in table else []
    lists = {name: tuple(map(str, table.get(name, ()))) for name in ("parameters", "indexes", "whole")}
    lists["indexes"] = (*single, *lists["indexes"])
    others = {name: value for name, value in table.items() if name != "index"}
    return Contract(**(others | lists), file=file)


def _check_clause(clause: str, value: object, place: str) -> None:
    if clause not in _CLAUSES:
        raise ConfigError(
            f"{clause} is no clause, in {place}.", fixes=(f"use one of: {', '.join(_CLAUSES)}",)
        )
    kind, wanted = _CLAUSES[clause]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{clause} = {value!r} makes no sense in {place}.", fixes=(f"give {wanted}",))


def _line_of(name: str, text: str) -> int:
    """The line of a contract's name, which tomllib does not tell; 0 where it is written in another way."""
    lines = text.splitlines()
    wanted = f'name = "{name}"'
    return lines.index(wanted) + 1 if wanted in lines else 0


def _check_query(query: str, place: str) -> None:
    try:
        statements = parser.split(query)
    except parser.ParseError as error:
        raise ConfigError(f"The query of {place} is not SQL: {error.args[0]}") from error
    if len(statements) != 1:
        raise ConfigError(f"The query of {place} is {len(statements)} statements, not one.")
