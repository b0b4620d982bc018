"""Contracts from TOML: tables `[[contract]]` with the fields of `Contract`, `index` for a single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pglast import parser

from pgassay.errors import ConfigError, Place
from pgassay.plans.model import Contract
from pgassay.toml import Scalar, decode, read_toml, spell


@dataclass(frozen=True, kw_only=True)
class _Clauses(Contract):
    """As a file has them: `index` is short for a list of one."""

    index: str = ""
    parameters: tuple[Scalar, ...] = ()  # type: ignore[assignment]


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
    document = read_toml(file)
    if set(document) != {"contract"}:
        raise ConfigError(f"{file} must hold tables [[contract]] and nothing else.")
    for table in decode(document["contract"], list[dict[str, Any]], where=str(file)):
        yield _read_contract(file, table)


def _read_contract(file: Path, table: dict[str, Any]) -> Contract:
    where = f'the contract "{table.get("name", "without a name")}" in {file}'
    clauses = asdict(decode(table, _Clauses, where=where, without=("place",)))
    _check_query(clauses["query"], where)
    index = clauses.pop("index")
    indexes = (*([index] if index else []), *clauses["indexes"])
    parameters = tuple(map(spell, clauses["parameters"]))
    place = Place(file=file, line=_line_of(clauses["name"], file))
    return Contract(**clauses | {"indexes": indexes, "parameters": parameters, "place": place})


def _line_of(name: str, file: Path) -> int:
    """The line of a contract's name, which tomllib does not tell; 0 where it is written in another way."""
    lines = file.read_text(encoding="utf-8").splitlines()
    wanted = f'name = "{name}"'
    return lines.index(wanted) + 1 if wanted in lines else 0


def _check_query(query: str, where: str) -> None:
    try:
        statements = parser.split(query)
    except parser.ParseError as error:
        raise ConfigError(f"The query of {where} is not SQL: {error.args[0]}") from error
    if len(statements) != 1:
        raise ConfigError(f"The query of {where} is {len(statements)} statements, not one.")
