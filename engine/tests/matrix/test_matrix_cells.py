"""The executed access matrix of the club: exact answers for every shape of table, row and action."""

from __future__ import annotations

from contextlib import closing

import pytest

from pgassay.catalog.tables import read_surface
from pgassay.database import Session
from pgassay.denial import explain_denial
from pgassay.errors import ConfigError
from pgassay.matrix.baseline import render_answer, render_baseline
from pgassay.matrix.effects import EffectRecorder
from pgassay.matrix.model import Action, Cell, Gap, Matrix, RowClass
from pgassay.matrix.survey import fingerprint, survey
from pgassay.observation import Outcome, Persona

DOCUMENTS, MEMBERS, TIPS = "public.documents", "public.members", "public.tips"
ODD = 'public."Odd  ""Items"""'
CHARGED = "also ledger +1, members.credits -1"


def find(matrix: Matrix, *question: str) -> Cell:
    (cell,) = [
        cell
        for cell in matrix.cells
        if (k := cell.key) and (k.persona, k.object, k.action.value, k.variant, k.rows.value) == question
    ]
    return cell


def asked(matrix: Matrix, persona: str, name: str, action: str) -> dict[tuple[str, str], str]:
    """The answers about one object by column and class of row."""
    return {
        (cell.key.variant, cell.key.rows.value): render_answer(cell)
        for cell in matrix.cells
        if (cell.key.persona, cell.key.object, cell.key.action.value) == (persona, name, action)
    }


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        # Own and another's rows, by a path of two foreign keys.
        (("alice", DOCUMENTS, "select", "title", "own"), "allowed"),
        (("alice", DOCUMENTS, "select", "title", "another's"), "filtered"),
        (("alice", DOCUMENTS, "delete", "-", "own"), "allowed"),
        (("alice", DOCUMENTS, "truncate", "-", "-"), "denied_grant"),
        (("anon", DOCUMENTS, "select", "-", "another's"), "denied_grant"),
        # An INSERT, its forged owner, its columns, and what its trigger did elsewhere.
        (("alice", DOCUMENTS, "insert", "-", "own"), f"allowed {CHARGED}"),
        (("alice", DOCUMENTS, "insert", "-", "another's"), "denied_policy"),
        (("alice", DOCUMENTS, "insert", "title", "own"), f"allowed {CHARGED}"),
        (("alice", DOCUMENTS, "insert", "changed_at", "own"), "denied_grant"),
        # Rows of one class that are treated otherwise; a row moved to somebody else; a trigger that refuses.
        (
            ("alice", DOCUMENTS, "update", "title", "own"),
            "allowed when archived=false also documents.changed_at, documents.size +1; "
            "filtered when archived=true",
        ),
        (
            ("alice", DOCUMENTS, "update", "org_id=another's", "own"),
            "denied_policy when archived=false; filtered when archived=true",
        ),
        (("bob", DOCUMENTS, "update", "title", "own"), "rejected 42501"),
        # The table of users itself, column grants, an enum by its labels.
        (("alice", MEMBERS, "update", "name", "own"), "allowed"),
        (("alice", MEMBERS, "update", "credits", "own"), "denied_grant"),
        (("alice", MEMBERS, "update", "tier=free", "own"), "allowed"),
        (("bob", MEMBERS, "update", "tier=pro", "own"), "filtered"),
        (("alice", MEMBERS, "delete", "-", "own"), "rejected 23503"),
        # Nobody's rows; a cascade to other tables; an identity that takes no value of a client's.
        (("alice", TIPS, "select", "body", "nobody's"), "allowed"),
        (("alice", TIPS, "insert", "-", "nobody's"), "allowed"),
        (("alice", TIPS, "update", "author=own", "nobody's"), "allowed"),
        (("alice", TIPS, "update", "author=another's", "own"), "denied_policy"),
        (("alice", TIPS, "delete", "-", "own"), "allowed also replies -2"),
        (("alice", TIPS, "insert", "id", "own"), "allowed"),
        (("alice", TIPS, "update", "id", "nobody's"), "allowed"),
        # No key, a type without equality, names with quotes, a partition by its own name.
        (("alice", "public.journal", "select", "place", "public"), "allowed"),
        (("anon", "public.journal", "truncate", "-", "-"), "allowed"),
        (("alice", ODD, "select", "The Owner", "own"), "allowed"),
        (("alice", ODD, "select", "select", "another's"), "filtered"),
        (("alice", "public.events", "select", "-", "another's"), "filtered"),
        (("alice", "public.events_2026", "select", "-", "another's"), "allowed"),
        # Views: the reader's rights, and the owner's.
        (
            ("alice", "public.own_documents", "select", "-", "public"),
            "allowed when 2 of 3 rows; filtered when 1 of 3 rows",
        ),
        (("alice", "public.all_members", "select", "name", "another's"), "allowed"),
        # Who may not name a row may still reach all of them.
        (("alice", "public.inbox", "delete", "-", "another's"), "denied_grant"),
        (("alice", "public.inbox", "delete", "-", "any"), "allowed"),
        (("alice", "public.inbox", "update", "body", "any"), "allowed"),
        # Functions and sequences.
        (("alice", "public.greet()", "execute", "-", "-"), "allowed"),
        (("alice", "public.pay(integer)", "execute", "-", "-"), "denied_grant"),
        (("alice", "public.tickets", "usage", "usage", "-"), "allowed"),
        (("alice", "public.tickets", "usage", "update", "-"), "denied_grant"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_answer_is_exactly(club_matrix: Matrix, question: tuple[str, ...], answer: str) -> None:
    assert render_answer(find(club_matrix, *question)) == answer


def test_generated_column_is_read_and_never_written(club_matrix: Matrix) -> None:
    asked_about = {cell.key.action for cell in club_matrix.cells if cell.key.variant == "size"}
    assert asked_about == {Action.SELECT}


def test_every_column_and_class_of_a_table_has_a_cell(club_matrix: Matrix) -> None:
    columns = ("-", "id", "author", "body")
    classes = ("own", "another's", "nobody's")
    assert set(asked(club_matrix, "bob", TIPS, "select")) == {(c, rows) for c in columns for rows in classes}


def test_hidden_schemas_and_functions_of_triggers_have_no_cells(club_matrix: Matrix) -> None:
    names = {cell.key.object for cell in club_matrix.cells}
    assert not names & {"hidden.secrets", "public.charge()", "public.stamp()"}


def test_class_without_a_row_is_named(club_matrix: Matrix) -> None:
    assert Gap(persona="alice", object="public.inbox", rows=RowClass.OWN) in club_matrix.gaps
    assert not asked(club_matrix, "alice", "public.inbox", "update").keys() & {("body", "own")}


def test_override_says_whose_rows_are(club_session: Session, members: tuple[Persona, ...]) -> None:
    rows = {"public.own_documents": "id -> public.documents.org_id -> public.orgs.owner_id"}
    matrix = survey(club_session, members, rows=rows)
    assert {
        rows: answer
        for (column, rows), answer in asked(matrix, "alice", "public.own_documents", "select").items()
        if column == "-"
    } == {"own": "allowed", "another's": "filtered"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("public.nonesuch", "id", "There is no such table or view."),
        ("members", "id", "There is no such table or view."),
        (DOCUMENTS, "nonesuch -> public.orgs.owner_id", "public.documents has no column nonesuch."),
        (DOCUMENTS, "org_id -> public.orgs.nonesuch", "There is no column public.orgs.nonesuch."),
        (DOCUMENTS, "id -> public.journal.entry", "public.journal has no primary key of one column."),
        (DOCUMENTS, "id, title", "It is not one SQL expression."),
        (DOCUMENTS, "select", "It is not one SQL expression."),
        (DOCUMENTS, "own er", "It is not one SQL expression."),
        (DOCUMENTS, "title from public.documents", "It is not one SQL expression."),
        (DOCUMENTS, "nonesuch", 'column "nonesuch" does not exist'),
        (DOCUMENTS, "lower(nonesuch)", 'column "nonesuch" does not exist'),
    ],
)
def test_override_that_makes_no_sense_is_refused(
    club_session: Session, alice: Persona, name: str, text: str, why: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        survey(club_session, [alice], rows={name: text})
    assert caught.value.why == why


def test_cell_keeps_the_statement_and_the_row_that_it_was_tried_on(
    club_matrix: Matrix, alice: Persona
) -> None:
    witness = find(club_matrix, "alice", DOCUMENTS, "delete", "-", "own").witness
    assert witness.persona == alice
    assert witness.statement == "delete from public.documents where id = '1'"
    assert witness.row == "id = '1'"


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (
            ("alice", MEMBERS, "update", "credits", "own"),
            "missing grant update (credits) on public.members to authenticated",
        ),
        (("alice", DOCUMENTS, "select", "-", "another's"), 'policies "own tenant"'),
        (
            ("alice", DOCUMENTS, "insert", "-", "another's"),
            'new row violates row-level security policy for table "documents"; policies "own tenant"',
        ),
        (
            ("bob", DOCUMENTS, "update", "title", "own"),
            "no (PL/pgSQL function stamp() line 2 at RAISE)",
        ),
        (("alice", MEMBERS, "delete", "-", "own"), "constraint orgs_owner_id_fkey on orgs"),
        (("alice", "public.all_members", "select", "-", "own"), "a view, with the rights of its owner"),
        (
            ("alice", "public.inbox", "delete", "-", "another's"),
            "missing grant select on public.inbox to authenticated, to name the row",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_cell_says_why(club_matrix: Matrix, question: tuple[str, ...], why: str) -> None:
    assert find(club_matrix, *question).results[0].why == why


def test_refusal_is_proven_by_ablation_on_demand(club_session: Session, club_matrix: Matrix) -> None:
    witness = find(club_matrix, "alice", DOCUMENTS, "insert", "-", "another's").witness
    denial = explain_denial(club_session, witness.persona, witness.statement)
    assert denial.cause == 'held by 1: policy "own tenant" on public.documents, USING for all'


@pytest.mark.parametrize(
    ("condition", "sqlstate"),
    [
        ("exists (select from public.tips)", "42P17"),
        ("(select true from generate_series(1, 2))", "21000"),
        ("public.answers_nothing()", "2F005"),
    ],
)
def test_policy_that_fails_is_broken_and_denies_nothing(
    club_session: Session, members: tuple[Persona, ...], condition: str, sqlstate: str
) -> None:
    with club_session.as_owner():
        club_session.execute(
            "create function public.answers_nothing() returns boolean language plpgsql as $$ begin end $$"
        )
        club_session.execute(f'create policy "fails" on public.tips using ({condition})')
    matrix = survey(club_session, members)
    assert {(cell.key.object, cell.outcome) for cell in matrix.broken} == {(TIPS, Outcome.ERROR)}
    assert matrix.errors == ()
    failed = [one for cell in matrix.broken for one in cell.results if one.outcome is Outcome.ERROR]
    assert {one.sqlstate for one in failed} == {sqlstate}


def test_survey_leaves_nothing_behind(club_session: Session, members: tuple[Persona, ...]) -> None:
    with club_session.as_owner():
        surface = read_surface(club_session, roles=())
        before = fingerprint(club_session, surface)
        survey(club_session, members)
        assert fingerprint(club_session, surface) == before
        assert club_session.value("select count(*) from pg_catalog.pg_prepared_statements") == 0
        club_session.execute("update public.journal set entry = entry")
        assert fingerprint(club_session, surface) != before


def test_text_is_the_same_in_every_run(
    club_session: Session, club_matrix: Matrix, members: tuple[Persona, ...]
) -> None:
    assert render_baseline(survey(club_session, members)) == render_baseline(club_matrix)


def test_what_an_extension_computes_with_is_no_right_to_ask_about(
    club_session: Session, anon: Persona
) -> None:
    club_session.execute("create extension pg_trgm with schema public")
    asked = {
        cell.key.object for cell in survey(club_session, [anon]).cells if cell.key.action is Action.EXECUTE
    }
    assert "public.greet()" in asked
    assert {name for name in asked if "trgm" in name or "similarity" in name} == set()
    assert "public.set_limit(real)" in asked  # writes a setting, and so is volatile


def test_what_is_prepared_for_looks_locks_no_table(club_session: Session) -> None:
    """The locks of a write tell what it wrote to: with all tables locked, each look costs more."""
    with club_session.undone():
        surface = read_surface(club_session, roles=[])
    with closing(EffectRecorder(club_session, surface)):
        locks = "select count(*) from pg_catalog.pg_locks where pid = pg_backend_pid() and relation >= 16384"
        assert club_session.connection.execute(locks.encode()).fetchone() == (0,)
