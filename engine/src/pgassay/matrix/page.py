"""The access matrix as one HTML page that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pgassay import guard_map, render
from pgassay.catalog.model import RELATION_KINDS
from pgassay.guard_map import GuardSheet
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.document import build_document, dump_document
from pgassay.matrix.model import Action, Comparison, Direction, Entry, Matrix, RowClass
from pgassay.observation import Outcome
from pgassay.render.page import make_environment, read_asset, write_policy
from pgassay.render.report import Fragment
from pgassay.render.text import relative

# Symbol, word, and what it means; readable without colour.
_OUTCOMES: Mapping[Outcome, tuple[str, str, str]] = {
    Outcome.ALLOWED: ("✓", "allowed", "ran, and touched or returned the row"),
    Outcome.FILTERED: ("○", "filtered", "ran, and row level security hid the row"),
    Outcome.DENIED_GRANT: ("–", "no grant", "refused: a privilege is missing"),
    Outcome.DENIED_POLICY: ("✕", "policy", "refused: the new row violates a policy"),
    Outcome.REJECTED: ("!", "rejected", "let through, then refused by a constraint or a trigger"),
    Outcome.ERROR: ("?", "error", "the probe itself went wrong; this cell says nothing"),
}
_DIRECTIONS = {Direction.GAINED: "▲", Direction.NEW: "✚", Direction.LOST: "▼", Direction.CHANGED: "◆"}
_CLASSES = {rows.value for rows in RowClass}
_SCRIPTS = ("filters.js", "grid.js", "panel.js", "keyboard.js")


@dataclass(frozen=True, kw_only=True)
class Lead:
    """What a page tells before the matrix: a part of another package, its script, and the verdict on top.

    `name` is that of the part in the navigation, its element `lead`; `look` shows the verdict.
    """

    name: str
    fragment: Fragment
    script: str
    look: str
    claim: str
    facts: tuple[str, ...] = ()


def render_matrix_html(
    matrix: Matrix,
    comparison: Comparison | None = None,
    *,
    title: str = "Access matrix",
    guards: GuardSheet | None = None,
    lead: Lead | None = None,
) -> str:
    """The whole page; with a `comparison`, `matrix` is that of its head.

    `guards`: which tests guard what, as the last run over mutants found.
    """
    fragments = [lead.fragment] if lead else []
    environment = make_environment(__package__, guard_map.__name__, *(part.package for part in fragments))
    style = read_asset(render.__name__, "page.css") + read_asset(guard_map.__name__, "guards.css")
    style += "".join(read_asset(part.package, part.style) for part in fragments)
    scripts = [read_asset(__package__, name) for name in _SCRIPTS]
    scripts += [read_asset(lead.fragment.package, lead.script)] if lead else []
    script = "".join((read_asset(render.__name__, "page.js"), *scripts))
    tables = sorted(matrix.surface.tables.values(), key=lambda table: table.name)
    kinds = {table.name: RELATION_KINDS[table.kind] for table in tables}
    document = build_document(matrix, kinds, comparison)
    document["outcomes"] = {outcome.value: look for outcome, look in _OUTCOMES.items()}
    document["directions"] = {direction.value: symbol for direction, symbol in _DIRECTIONS.items()}
    return environment.get_template("matrix.html").render(
        title=title,
        policy=write_policy(style, script),
        style=style,
        script=script,
        document=dump_document(document),
        matrix=matrix,
        verdict=(lead.look, lead.claim) if lead else _verdict(matrix, comparison),
        lead=lead,
        counts={outcome: sum(c.outcome is outcome for c in matrix.cells) for outcome in _OUTCOMES},
        outcomes=_OUTCOMES,
        directions=_DIRECTIONS,
        comparison=comparison,
        sheet=guards,
        tables=[table for table in tables if table.reachable or table.kind in "rp"],
        kinds=kinds,
        owning=find_owning(matrix),
        personas=document["personas"],
        objects=document["objects"],
        **(lead.fragment.values if lead else {}),
    )


def find_owning(matrix: Matrix) -> Mapping[str, frozenset[str]]:
    """By table, the columns by which rows change hands, as the matrix tried them: `user_id=another's`."""
    moved: dict[str, set[str]] = defaultdict(set)
    for cell in matrix.cells:
        column, _, given = cell.key.variant.partition("=")
        if cell.key.action is Action.UPDATE and given in _CLASSES:
            moved[cell.key.table].add(column)
    return {
        table.name: frozenset(
            column.name
            for column in table.columns.values()
            if column.name in moved[table.name] and not column.labels
        )
        for table in matrix.surface.tables.values()
    }


def _verdict(matrix: Matrix, comparison: Comparison | None) -> tuple[str, str]:
    """How to show the verdict, and its words."""
    if matrix.errors:
        return "error", f"Not judged: {len(matrix.errors)} cells went wrong"
    if comparison and comparison.fault:
        return "gained", f"{comparison.head} does not load"
    if comparison is None:
        return "plain", "Executed; nothing to compare with"
    if comparison.count(Direction.GAINED):
        return "gained", "Access gained, as the baseline accepts" if comparison.accepted else "Access gained"
    return ("changed", "Access differs, nothing gained") if comparison.entries else ("good", "No difference")


def render_matrix_page(assessment: Assessment, guards: GuardSheet | None = None) -> str:
    """The matrix, beside the baseline where there is one; with the guard map where one was made."""
    return render_matrix_html(assessment.matrix, compare_to_baseline(assessment), guards=guards)


def compare_to_baseline(assessment: Assessment) -> Comparison | None:
    """Of `pgassay matrix`: what is not as accepted; None where nothing was accepted yet."""
    if assessment.baseline is None:
        return None
    entries = [
        Entry(
            direction=deviation.direction,
            message=" ".join(field for field in deviation.fields if field != "-"),
            place=assessment.place_of(deviation),
            cells=(deviation.cell.key,) if deviation.cell else (),
            before=deviation.was,
            after=deviation.now,
            witness=deviation.cell.witness if deviation.cell else None,
        )
        for deviation in assessment.differences
    ]
    return Comparison(
        base=str(relative(assessment.baseline)),
        head="the schema as it is",
        entries=tuple(sorted(entries, key=lambda entry: tuple(Direction).index(entry.direction))),
    )
