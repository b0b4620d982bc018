"""A verdict, an assessment and a review with something of everything, and names that try to break out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pgassay.config import Config
from pgassay.diff.difference import AccessChange, Difference
from pgassay.diff.outcome import Review
from pgassay.errors import Place
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import BaselineLine, Deviation, DeviationKind, key_fields
from pgassay.matrix.model import Action, CellKey, Direction, RowClass, Witness
from pgassay.observation import Outcome
from pgassay.project.revisions import Side
from pgassay.verdict import Case, Finding, Stage, Status, Verdict
from tests.render import html_support as support

HOSTILE = 'a\x00\x1b[2J\r\n::error title=owned::b\ud800\ufffe]]>&</testcase><c ",:%0A%25'
SCHEMA = Path("schema.sql")
TEST = Place(file=Path("t.py"), line=0)
CONFIG = Config(root=Path("/p"), schema=(SCHEMA,))

VERDICT = Verdict(
    schema=(SCHEMA,),
    server="PostgreSQL 18.6 (embedded)",
    stages=(
        Stage(name="load", status=Status.GOOD, detail="schema.sql", seconds=0.25),
        Stage(
            name="lint",
            status=Status.PROBLEM,
            findings=(Finding(rule="lint.CP01", message=HOSTILE, place=Place(file=SCHEMA, line=7)),),
        ),
        Stage(name="matrix", status=Status.NOT_JUDGED, detail=HOSTILE),
        Stage(
            name="suites",
            status=Status.PROBLEM,
            findings=(Finding(rule="suite", message="t.py::test_b", place=TEST, witness="E   no"),),
            cases=(
                Case(name="t.py::test_a", outcome="passed", seconds=0.5),
                Case(name="t.py::test_b", outcome="failed", reason="E   no", place=TEST),
                Case(name=f"t.py::{HOSTILE}", outcome="skipped", reason=HOSTILE),
            ),
        ),
    ),
)

_BROKEN = support.make_cell(
    CellKey(persona="bob", object=HOSTILE, action=Action.DELETE, variant="-", rows=RowClass.OWN),
    support.BOB,
    Outcome.ERROR,
)
_CELLS = (*support.make_matrix().cells, _BROKEN)
ASSESSMENT = Assessment(
    matrix=replace(support.make_matrix(), cells=_CELLS),
    baseline=Path("access.matrix"),
    differences=(
        Deviation(
            kind=DeviationKind.CHANGED,
            accepted=BaselineLine(fields=key_fields(_CELLS[1].key), answer="filtered", number=9),
            cell=_CELLS[1],
        ),
        Deviation(
            kind=DeviationKind.UNUSED,
            accepted=BaselineLine(
                fields=("eve", "public.gone", "select", "-", "own"), answer="allowed", number=12
            ),
        ),
    ),
)

GAIN = AccessChange(
    direction=Direction.GAINED,
    message="bob can now SELECT rows of public.t.",
    cells=(
        CellKey(persona="bob", object="public.t", action=Action.SELECT, variant="-", rows=RowClass.OTHER),
    ),
    witness=Witness(persona=support.BOB, statement="select id from public.t"),
    before="filtered",
    after="allowed",
    place=Place(file=SCHEMA, line=7),
)
REVIEW = Review(
    base=Side(label="origin/main", config=CONFIG),
    head=Side(label="the working tree", config=CONFIG),
    difference=Difference(
        gained=(GAIN,),
        lost=(replace(GAIN, direction=Direction.LOST, message=HOSTILE),),
        changed=(AccessChange(direction=Direction.CHANGED, message="Roles changed."),),
    ),
    probes=10,
    seconds=1.5,
)
