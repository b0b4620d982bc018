"""The whole way from a loaded database to its access matrix, in one transaction that leaves nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from pgassay.catalog.tables import Surface, read_surface
from pgassay.database import Session
from pgassay.denial.defence import removed
from pgassay.errors import CannotJudgeError
from pgassay.matrix.baseline import spell_field
from pgassay.matrix.cells import build_cells
from pgassay.matrix.effects import Recorder
from pgassay.matrix.model import Matrix
from pgassay.matrix.probe import run_questions
from pgassay.matrix.questions import plan_matrix
from pgassay.matrix.rows import read_samples
from pgassay.observation import Persona


def survey(
    session: Session,
    personas: Iterable[Persona],
    *,
    rows: Mapping[str, str] | None = None,
    only: Collection[str] = (),
) -> Matrix:
    """The executed access matrix of the session's database. `rows`: overrides of whose rows a table's are.

    With `only`, of these objects alone, spelled as in the baseline.

    The session must be logged in as the schema's owner. Sequences move on; that nothing else does is checked.
    Raises CannotJudgeError when something was left behind, ConfigError for a bad override.
    """
    started = time.perf_counter()
    people = tuple(personas)
    with _collector_paused(), removed(session, ()):
        # What a transaction would be refused at its end belongs to its statements.
        session.connection.execute("set constraints all immediate")
        surface = read_surface(session, roles=[persona.role for persona in people])
        before = fingerprint(session, surface)
        ids = [persona.id for persona in people if persona.id is not None]
        samples = read_samples(session, surface, ids=ids, overrides=rows or {})
        wanted = [one for one in samples if not only or spell_field(one.table.name) in only]
        plan = plan_matrix(wanted, people)
        with closing(Recorder(session, surface)) as recorder:
            observations = tuple(run_questions(session, plan.questions, recorder))
        if fingerprint(session, surface) != before:
            raise CannotJudgeError("The probes of the access matrix left something behind.")
    cells = build_cells(observations, surface, people)
    return Matrix(
        cells=tuple(cell for cell in cells if not only or spell_field(cell.key.table) in only),
        gaps=plan.gaps,
        probes=len({id(observation.probe) for observation in observations}),
        seconds=time.perf_counter() - started,
        surface=surface,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing becomes garbage before the end, and walking all observations again and again costs half."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fingerprint(session: Session, surface: Surface) -> list[tuple[Any, ...]]:
    """Of each table that the owner may read how many row versions there are, and which."""
    versions = " union all ".join(
        f"select {table.oid}, count(*), bit_xor(hashtextextended(t.ctid::text || t.xmin::text, 0)) "
        f"from {table.name} as t"
        for table in surface.tables.values()
        if table.stored
    )
    with session.as_owner():
        return session.connection.execute(f"{versions or 'select'} order by 1".encode()).fetchall()
