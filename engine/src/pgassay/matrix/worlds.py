"""The world that somebody wrote answers alone, as if nothing had been made; made rows only add cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgassay.database import Session, open_session
from pgassay.matrix.cells import sort_key
from pgassay.matrix.model import Action, Cell, Matrix, RowClass
from pgassay.matrix.rows import Known, read_known
from pgassay.matrix.survey import survey
from pgassay.observation import Outcome, Persona
from pgassay.workbench import Workbench
from pgassay.world.model import World

_DUPLICATE = "23505"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the world that somebody wrote answers, and which rows it has."""

    matrix: Matrix
    known: Known


def is_filled_up(bench: Workbench, world: World) -> bool:
    """Whether rows were made besides those of a world that somebody wrote."""
    return bench.config.world is not None and bool(world.made)


def survey_written(
    session: Session, personas: Sequence[Persona], *, rows: Mapping[str, str], only: Collection[str] = ()
) -> Written:
    """The matrix of a database without made rows; arguments and errors as `survey` has them."""
    matrix = survey(session, personas, rows=rows, only=only)
    ids = [persona.id for persona in personas if persona.id is not None]
    return Written(matrix=matrix, known=read_known(session, matrix.surface, ids=ids))


def survey_filled(  # noqa: PLR0913 - by name
    session: Session,
    bench: Workbench,
    world: World,
    personas: Sequence[Persona],
    *,
    rows: Mapping[str, str],
    only: Collection[str] = (),
) -> Matrix:
    """The matrix of the session's database, which has the rows of `world`."""
    if not is_filled_up(bench, world):
        return survey(session, personas, rows=rows, only=only)
    with bench.database() as database, open_session(database) as alone:
        written = survey_written(alone, personas, rows=rows, only=only)
    return survey_made(session, written, personas, rows=rows, only=only)


def survey_made(
    session: Session,
    written: Written,
    personas: Sequence[Persona],
    *,
    rows: Mapping[str, str],
    only: Collection[str] = (),
) -> Matrix:
    """What the world that was written answers, and what other rows do that the session's database has."""
    made = survey(session, personas, rows=rows, only=only, besides=written.known)
    return add_made(written.matrix, made)


def add_made(written: Matrix, made: Matrix) -> Matrix:
    """Both, where a question that both answer is asked of made rows once more. Pure."""
    cells = (*written.cells, *_added(written, made))
    gaps = set(made.gaps)
    return replace(
        written,
        cells=tuple(sorted(cells, key=lambda cell: sort_key(cell.key))),
        gaps=tuple(gap for gap in written.gaps if gap in gaps),
        probes=written.probes + made.probes,
        seconds=written.seconds + made.seconds,
    )


def _added(written: Matrix, made: Matrix) -> Iterator[Cell]:
    there = {cell.key for cell in written.cells}
    for cell in made.cells:
        if cell.key not in there:
            yield cell
        elif cell.key.rows not in (RowClass.ANY, RowClass.NONE) and not _is_copy(cell):
            yield replace(cell, key=replace(cell.key, made=True))


def _is_copy(cell: Cell) -> bool:
    """A row that cannot be there twice: a copy of another one was judged."""
    refused = {(result.outcome, result.sqlstate) for result in cell.results}
    return cell.key.action is Action.INSERT and refused == {(Outcome.REJECTED, _DUPLICATE)}
