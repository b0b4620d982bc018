"""A small matrix, its tables and a comparison to test the HTML page with; names try to break out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pgassay.catalog.model import Column, Constraint, Index
from pgassay.catalog.names import spell
from pgassay.catalog.tables import Surface, Table
from pgassay.errors import Place
from pgassay.matrix.model import (
    Action,
    Cell,
    CellKey,
    CellResult,
    Comparison,
    Direction,
    Effect,
    Entry,
    Gap,
    Matrix,
    RowClass,
    Witness,
)
from pgassay.observation import Outcome, Persona

ANON = Persona(name="anon", role="anon")
ALICE = Persona(name="alice", role="authenticated", claims={"sub": "a11ce"})
BOB = Persona(name="bob", role="authenticated", claims={"sub": "b0b"})

HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=document.title="taken">'
HOSTILE_TABLE = spell("public", HOSTILE)
NOTES = "public.notes"
FUNCTION = "public.publish(integer)"


def make_cell(key: CellKey, persona: Persona, outcome: Outcome, *, effects: tuple[Effect, ...] = ()) -> Cell:
    """With a witness and a reason that name what they are of."""
    statement = f"{key.action.value} … {key.object} {key.variant}"
    result = CellResult(
        outcome=outcome,
        sqlstate="42501" if outcome in (Outcome.DENIED_GRANT, Outcome.DENIED_POLICY) else "",
        why=f"reason of {outcome.value}",
        witness=Witness(persona=persona, statement=statement, row="id = 1"),
        effects=effects,
    )
    return Cell(key=key, results=(result,))


def _table_cells(name: str, columns: int) -> Iterator[Cell]:
    def cell(
        persona: Persona,
        rows: RowClass,
        outcome: Outcome,
        action: Action,
        variant: str = "-",
        *effects: Effect,
    ) -> Cell:
        key = CellKey(persona=persona.name, object=name, action=action, variant=variant, rows=rows)
        return make_cell(key, persona, outcome, effects=effects)

    for variant in ("-", *(f"column_{number}" for number in range(columns))):
        yield cell(ANON, RowClass.OTHER, Outcome.DENIED_GRANT, Action.SELECT, variant)
        for persona in (ALICE, BOB):
            yield cell(persona, RowClass.OWN, Outcome.ALLOWED, Action.SELECT, variant)
            yield cell(persona, RowClass.OTHER, Outcome.FILTERED, Action.SELECT, variant)
    effects = (Effect(table="public.ledger", inserted=1), Effect(table=name, changed=1, columns=(("n", -1),)))
    for persona in (ALICE, BOB):
        yield cell(persona, RowClass.OWN, Outcome.ALLOWED, Action.INSERT, "-", *effects)
        yield cell(persona, RowClass.OTHER, Outcome.DENIED_POLICY, Action.INSERT)
        yield cell(persona, RowClass.OWN, Outcome.REJECTED, Action.UPDATE, "owner=another's")
    for persona in (ANON, ALICE, BOB):
        yield cell(persona, RowClass.NONE, Outcome.DENIED_GRANT, Action.TRUNCATE)


def make_matrix(*, tables: int = 0, columns: int = 3) -> Matrix:
    """The notes, a table with a hostile name, a function, and `tables` more."""
    names = [NOTES, HOSTILE_TABLE, *(f"public.table_{number}" for number in range(tables))]
    cells = [cell for name in names for cell in _table_cells(name, columns)]
    for persona in (ANON, ALICE):
        key = CellKey(
            persona=persona.name, object=FUNCTION, action=Action.EXECUTE, variant="-", rows=RowClass.NONE
        )
        cells.append(make_cell(key, persona, Outcome.ALLOWED))
    gaps = (Gap(persona="anon", object=NOTES, rows=RowClass.NOBODY),)
    return Matrix(cells=tuple(cells), gaps=gaps, probes=len(cells), seconds=0.25, surface=make_surface())


def make_table(oid: int, name: str, *, keys: Mapping[str, str] | None = None, kind: str = "r") -> Table:
    """In schema public; `keys`: foreign keys by column to the table of this name."""
    columns = ("id", "owner", "body", *(keys or ()))
    return Table(
        oid=oid,
        root=oid,
        schema="public",
        relation=name,
        kind=kind,
        owner="postgres",
        secured=True,
        forced=False,
        definition=None,
        options=(),
        persistence="p",
        replica_identity="d",
        partition_key=None,
        partition_bound=None,
        inherits=(),
        is_of_extension=False,
        readable=True,
        storage=None,
        reachable=True,
        writable=frozenset(),
        updatable=frozenset(columns),
        acting=False,
        columns={column: make_column(column) for column in columns},
        unique=(
            Index(
                schema="public",
                table=spell("public", name),
                name="key",
                definition="",
                columns=("id",),
                primary=True,
                unique=True,
            ),
        ),
        foreign_keys=tuple(
            Constraint(
                table=spell("public", name),
                name=column,
                type="f",
                definition="",
                columns=(column,),
                target=spell("public", target),
                target_columns=("id",),
            )
            for column, target in (keys or {}).items()
        ),
        privileges={},
    )


def make_column(name: str) -> Column:
    return Column(
        table="",
        name=name,
        number=0,
        type="integer",
        not_null=False,
        default=None,
        identity="",
        generated="",
        has_default=False,
        collation=None,
        storage=None,
        compression="",
        statistics=None,
        options=(),
        primary=False,
        base="int4",
        category="N",
        length=None,
        comparable=True,
        labels=(),
    )


def make_surface() -> Surface:
    """Notes of users, and comments on notes; a table with a hostile name that refers to itself."""
    tables = (
        make_table(1, "users"),
        make_table(2, "notes", keys={"user_id": "users"}),
        make_table(3, "comments", keys={"note_id": "notes", "user_id": "users"}),
        make_table(4, HOSTILE, keys={"parent": HOSTILE}),
        make_table(5, "summary", kind="v"),
    )
    return Surface(tables={table.oid: table for table in tables}, rights=())


def make_comparison() -> Comparison:
    """Bob can read others' notes, but no drafts; a column that anon could read is gone, his refusal other."""
    gained = tuple(
        CellKey(persona="bob", object=NOTES, action=Action.SELECT, variant=variant, rows=RowClass.OTHER)
        for variant in ("-", "column_0")
    )
    truncate = CellKey(persona="anon", object=NOTES, action=Action.TRUNCATE, variant="-", rows=RowClass.NONE)
    statement = f"select * from {NOTES}"
    return Comparison(
        base="main:schema.sql",
        head="schema.sql",
        added=(HOSTILE_TABLE,),
        entries=(
            Entry(
                direction=Direction.GAINED,
                message="bob can now SELECT other people's notes.",
                place=Place(file=Path("schema.sql"), line=12),
                cells=gained,
                before="filtered",
                after="allowed",
                witness=Witness(persona=BOB, statement=statement),
                script=f"begin;\n{statement};\nrollback;\n",
            ),
            Entry(
                direction=Direction.LOST,
                message="anon can no longer SELECT old.",
                witness=Witness(persona=ANON, statement=f"select old from {NOTES}"),
            ),
            Entry(direction=Direction.LOST, message="bob can no longer SELECT drafts.", cells=gained[:1]),
            Entry(direction=Direction.CHANGED, message=f"{HOSTILE} is refused otherwise.", cells=(truncate,)),
        ),
    )
