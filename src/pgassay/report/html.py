"""The access matrix as one HTML page that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgassay.access.catalog import Catalog
from pgassay.access.comparison import Direction
from pgassay.access.model import Matrix
from pgassay.errors import printable
from pgassay.mutation.guard_file import GuardSheet
from pgassay.observation import Outcome
from pgassay.report.comparison import Comparison
from pgassay.report.diagram import draw_diagram, find_owning
from pgassay.report.guard_sheet import make_section
from pgassay.report.matrix_document import build_document, dump_document
from pgassay.report.place import spell
from pgassay.report.relations import HEAD, ROW

# Symbol, word, and what it means; readable without colour.
_OUTCOMES: Mapping[Outcome, tuple[str, str, str]] = {
    Outcome.ALLOWED: ("✓", "allowed", "ran, and touched or returned the row"),
    Outcome.FILTERED: ("○", "filtered", "ran, and row level security hid the row"),
    Outcome.DENIED_GRANT: ("–", "no grant", "refused: a privilege is missing"),
    Outcome.DENIED_POLICY: ("✕", "policy", "refused: the new row violates a policy"),
    Outcome.REJECTED: ("!", "rejected", "let through, then refused by a constraint or a trigger"),
    Outcome.ERROR: ("?", "error", "the probe itself went wrong; this cell says nothing"),
}
_DIRECTIONS = {Direction.GAINED: "▲", Direction.LOST: "▼", Direction.CHANGED: "◆"}
_KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}
_SCRIPTS = ("page.js", "filters.js", "grid.js", "panel.js", "keyboard.js")


def render_matrix_html(
    matrix: Matrix,
    catalog: Catalog,
    comparison: Comparison | None = None,
    *,
    title: str = "Access matrix",
    guards: GuardSheet | None = None,
) -> str:
    """The whole page. `catalog` gives the diagram; with a `comparison`, `matrix` is that of its head.

    `guards`: which tests guard what, as the last run over mutants found.
    """
    environment = make_environment()
    style = read_asset("page.css") + read_asset("guards.css")
    script = "".join(map(read_asset, _SCRIPTS))
    kinds = {table.spelled: _KINDS[table.kind] for table in catalog.tables.values()}
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
        verdict=_verdict(matrix, comparison),
        counts={outcome: sum(c.outcome is outcome for c in matrix.cells) for outcome in _OUTCOMES},
        outcomes=_OUTCOMES,
        directions=_DIRECTIONS,
        comparison=comparison,
        sheet=make_section(guards) if guards else None,
        diagram=draw_diagram(catalog, find_owning(matrix, catalog)),
        row_height=ROW,
        head_height=HEAD,
        personas=document["personas"],
        objects=document["objects"],
    )


def make_environment() -> Environment:
    """Templates whose values are text, whatever is in them."""
    environment = Environment(
        loader=PackageLoader("pgassay.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["spell"] = spell
    environment.filters["shorten"] = lambda test: test.rpartition("/")[2]
    return environment


def _finalize(value: object) -> object:
    """Names with characters that turn or hide text must not mislead a reader."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def read_asset(name: str) -> str:
    """A style or script that a page carries in itself."""
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def write_policy(style: str, script: str) -> str:
    """What a page may load and run: these two, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


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
