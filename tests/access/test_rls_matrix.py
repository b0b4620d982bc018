"""Row level security, executed: every table and command, as every kind of user, with its exact outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

import pytest

from pgassay.database import Actor, Database, Session, open_client
from pgassay.observation import Outcome, Persona
from tests.access.access import CASES, EXPECTED, STATEMENTS, Case

# Dave's queued job was cancelled with his account, and a cancelled job is nobody's to edit: reopened, only
# the closed account stands in Dave's way. The triggers would refuse that.
REOPEN_DAVES_JOB = """
    set local session_replication_role = replica;
    update public.jobs set status = 'PENDING', completed_at = null
    where id = 'dead0000-0000-4000-8000-000000000103';
    set local session_replication_role = origin
"""

NO_PREFERENCES = "delete from public.user_preferences"


@pytest.fixture
def prepared(session: Session) -> Session:
    """The session of the owner, with a job of Dave's that could be edited."""
    session.execute(REOPEN_DAVES_JOB)
    return session


def adds_preferences(case: Case) -> bool:
    """Everybody has preferences since sign-up: to add them is possible only once they are gone."""
    return (case.table, case.command) == ("user_preferences", "insert")


def fingerprint(actor: Actor, table: str) -> str:
    """The whole contents of a table, as its owner sees them."""
    return actor.value(f"select md5(string_agg(t::text, '' order by t::text)) from public.{table} as t")


def test_matrix_covers_every_table_and_command(session: Session) -> None:
    tables = session.execute("""
        select relname::text as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    """).rows
    pairs = {(row["name"], command) for row in tables for command in ("select", "insert", "update", "delete")}
    assert pairs | {("credit_packages", "select retired")} == set(EXPECTED) == set(STATEMENTS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_persona_gets_exactly_this_outcome(
    prepared: Session, personas: Mapping[str, Persona], case: Case
) -> None:
    parameters = case.parameters(personas)
    if adds_preferences(case):
        prepared.execute(NO_PREFERENCES)
    before = fingerprint(prepared, case.table)
    with prepared.act_as(personas[case.persona]):
        attempt = prepared.attempt(case.statement, parameters)
    touched = {Outcome.ALLOWED: 1, Outcome.FILTERED: 0}.get(case.expected, -1)
    assert (attempt.outcome, attempt.rowcount, attempt.constraint) == (case.expected, touched, "")
    changed = fingerprint(prepared, case.table) != before
    assert changed == (case.writes and case.expected is Outcome.ALLOWED)


@pytest.mark.parametrize("name", ["alice", "dave"])
@pytest.mark.parametrize(
    "pair", [pair for pair, outcomes in EXPECTED.items() if Outcome.FILTERED in outcomes]
)
def test_hidden_row_is_there(
    prepared: Session, personas: Mapping[str, Persona], pair: tuple[str, str], name: str
) -> None:
    """The control of every FILTERED above: the owner of the tables touches the very row."""
    assert prepared.execute(STATEMENTS[pair], {"user": personas[name].id}).rowcount == 1


def request_outcomes(
    database: Database, personas: Mapping[str, Persona], chosen: Iterable[Case]
) -> dict[str, Outcome]:
    """What becomes of cases over one real login as authenticator, one request after another."""
    found = {}
    with open_client(database) as client:
        for case in chosen:
            with client.request(personas[case.persona]):
                client.execute("savepoint before")
                found[str(case)] = client.attempt(case.statement, case.parameters(personas)).outcome
                client.execute("rollback to savepoint before")
    return found


def test_requests_of_postgrest_get_the_same_outcomes(
    clone: Database, personas: Mapping[str, Persona]
) -> None:
    with closing(clone.connect(autocommit=True)) as owner:
        owner.execute(REOPEN_DAVES_JOB)
        found = request_outcomes(clone, personas, (c for c in CASES if not adds_preferences(c)))
        owner.execute(NO_PREFERENCES)
        found |= request_outcomes(clone, personas, filter(adds_preferences, CASES))
    assert found == {str(case): case.expected for case in CASES}
