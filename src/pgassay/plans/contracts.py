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

_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "persona": str,
    "query": str,
    "parameters": list,
    "indexes": list,
    "whole": list,
    "buffers": int,
    "rows_within": (int, float),
    "sorts": bool,
    "index_only": bool,
    "hot": (int, float),
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
        raise ConfigError("There is no plan contract.", why=f"Looked in {', '.join(map(str, paths))}")
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
    if "index" in table:
        table = table | {"indexes": [table["index"], *table.get("indexes", [])]}
        del table["index"]
    for key, value in table.items():
        if key not in _KINDS or not _fits(value, _KINDS[key]):
            wanted = f"one of: index, {', '.join(_KINDS)}" if key not in _KINDS else str(_KINDS[key])
            raise ConfigError(f"{key} = {value!r} makes no sense in {place}.", fixes=(f"use {wanted}",))
    if missing := [key for key in _NEEDED if key not in table]:
        raise ConfigError(f"{', '.join(missing)} missing from {place}.")
    _check_query(table["query"], place)
    values: dict[str, Any] = {
        key: tuple(map(str, value)) if isinstance(value, list) else value for key, value in table.items()
    }
    return Contract(**values, file=file)


def _line_of(name: str, text: str) -> int:
    """The line of a contract's name, which tomllib does not tell; 0 where it is written in another way."""
    lines = text.splitlines()
    wanted = f'name = "{name}"'
    return lines.index(wanted) + 1 if wanted in lines else 0


def _fits(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check_query(query: str, place: str) -> None:
    try:
        statements = parser.split(query)
    except parser.ParseError as error:
        raise ConfigError(f"The query of {place} is not SQL: {error.args[0]}") from error
    if len(statements) != 1:
        raise ConfigError(f"The query of {place} is {len(statements)} statements, not one.")
