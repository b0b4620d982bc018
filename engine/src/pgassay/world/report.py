"""A generated world as a report, and as SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pgassay.errors import ExitCode
from pgassay.render.ci import Check, Suite, note
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries
from pgassay.world.model import MadeRow, World

_HEADER = """\
-- Rows for pgassay's personas to find, made from the schema: each of them as an account, rows of each, of
-- nobody and of everybody, and what the conditions of policies ask for. The owner applies them after schema
-- and seeds, in one transaction (psql: -1). Edit them: what then lacks is made again, besides.
"""


def world_text(world: World) -> str:
    """A world.sql, with the reason of each row."""
    blocks = (
        f"\n-- {_spell(row)}\n" + "".join(f"{statement};\n" for statement in row.statements)
        for row in world.made
    )
    return _HEADER + "".join(blocks)


def report_world(world: World, *, table: str = "") -> Report:
    """What was made; with `table`, why each row of it is there."""
    shown = list(world.of(table)) if table else list(_of_tables(world))
    rows = _explained(shown) if table else _counted(shown)
    missing = [str(missing) for missing in world.missing if table in ("", missing.table)]
    atoms = [
        f"{reach.atom}: {reach.why or 'no row at hand'}"
        for reach in world.atoms
        if not reach.both and table in ("", reach.atom.condition.table)
    ]
    return Report(
        command="world",
        title="world",
        verdict=ExitCode.GOOD,
        claim=world.claim,
        summary=tuple(_summarize(world, shown)),
        sections=(
            rows,
            ReportSection(title="could not be made", entries=list_entries(*missing)),
            ReportSection(title="not both ways", entries=list_entries(*atoms)),
        ),
        document=_document(world),
        suites=(Suite(name="world", checks=tuple(_checks(world))),),
        annotations=(note("world", world.claim),),
    )


def _spell(row: MadeRow) -> str:
    unchecked = ", without triggers: one of them refuses" if row.unchecked else ""
    return " ".join(f"{row.table}: {row.why}{unchecked}".split()).removeprefix(": ")


def _of_tables(world: World) -> Iterator[MadeRow]:
    return (row for row in world.made if row.table)


def _counted(rows: list[MadeRow]) -> ReportSection:
    counts = Counter((row.table, row.whose) for row in rows)
    tables = dict.fromkeys(row.table for row in rows)
    entries = [
        ReportEntry(
            cells=(
                table,
                ", ".join(
                    f"{whose} {count}" if count > 1 else whose
                    for (name, whose), count in counts.items()
                    if name == table
                ),
            )
        )
        for table in tables
    ]
    return ReportSection(head=("table", "rows of"), entries=tuple(entries))


def _explained(rows: list[MadeRow]) -> ReportSection:
    entries = (
        ReportEntry(cells=(_spell(row),), code="\n".join(row.statements), excerpt="\n".join(row.statements))
        for row in rows
    )
    return ReportSection(entries=tuple(entries), language="sql")


def _summarize(world: World, rows: list[MadeRow]) -> Iterator[str]:
    yield f"{len(rows)} rows were made; {len(world.missing)} could not be. {world.spent} statements."
    if world.atoms:
        yield world.claim
    for persona in world.personas:
        yield f"Policies tell {persona.name} apart: {dict(persona.claims)}"


def _document(world: World) -> dict[str, Any]:
    return {
        "rows": [
            {
                "table": row.table,
                "whose": row.whose,
                "why": row.why,
                "unchecked": row.unchecked,
                "statements": row.statements,
            }
            for row in world.made
        ],
        "missing": [{"table": m.table, "whose": m.whose, "what": m.what} for m in world.missing],
        "atoms": [
            {
                "atom": reach.atom.text,
                "condition": str(reach.atom.condition),
                "true": sorted(reach.true),
                "not_true": sorted(reach.other),
                "both": reach.both,
                "why": reach.why,
            }
            for reach in world.atoms
        ],
        "personas": [{"name": p.name, "role": p.role, "claims": dict(p.claims)} for p in world.personas],
        "statements": world.spent,
    }


def _checks(world: World) -> Iterator[Check]:
    for missing in world.missing:
        yield Check(group=missing.table, name=missing.whose, outcome="skipped", message=missing.what)
    for reach in world.atoms:
        name = f"{reach.atom.text} in {reach.atom.condition}"
        check = Check(group=reach.atom.condition.table, name=name)
        yield check if reach.both else replace(check, outcome="skipped", message=reach.why)
