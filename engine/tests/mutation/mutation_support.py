"""A tiny project with a suite of its own, whose mutants meet every fate."""

from __future__ import annotations

from pathlib import Path

from pgassay.config import Config, load_config
from pgassay.mutation.plan import Selection

SCHEMA = """
create table public.notes (
    id integer primary key,
    owner uuid not null,
    stars integer constraint notes_stars_in_range check (stars between 0 and 5)
);
alter table public.notes enable row level security;
create policy "own" on public.notes for select to authenticated using (owner = auth.uid());
grant select on public.notes to authenticated;

create function public.stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger notes_stamp before insert on public.notes for each row execute function public.stamp();

create table public.prices (name text primary key, baht integer);
create function public.keep() returns trigger language plpgsql as $$
begin
    new.baht := old.baht;
    return new;
end
$$;
create trigger prices_keep before update on public.prices for each row execute function public.keep();
insert into public.prices values ('note', 3);
"""
WORLD = "insert into public.notes values (1, 'a11ce000-0000-4000-8000-000000000001', 0);"
SUITE = """
from hypothesis import Phase, settings

from pgassay.denial import Trigger, removed
from pgassay.observation import Outcome

# Whoever kills need not say how with the fewest words.
assert Phase.shrink not in settings(max_examples=1).phases

INSERT = "insert into public.notes values (2, 'b0b00000-0000-4000-8000-000000000002', %s)"


def test_user_sees_own_notes(session, personas):
    session.act_as(personas["alice"])
    assert session.value("select count(*) from public.notes") == 1


def test_stars_end_at_5(session):
    assert session.attempt(INSERT, [6]).outcome is Outcome.REJECTED
    assert session.attempt(INSERT, [5]).outcome is Outcome.ALLOWED


def test_note_is_stored_without_the_stamp(session):
    with removed(session, [Trigger(table="public.notes", name="notes_stamp")]):
        session.execute(INSERT, [1])


def test_one_and_one_is_two():
    assert 1 + 1 == 2
"""
SELECTION = Selection(only=("DropPolicy", "DropNotNull", "ShiftBound", "ShiftSeed", "*Trigger"))
_PYPROJECT = """
[tool.pytest.ini_options]
[tool.pgassay]
schema = "schema.sql"
environment = ["{environment}/*.sql"]
world = "world.sql"
suites = ["tests"]
mutants = "mutants.toml"
personas.alice = {{ role = "authenticated", sub = "a11ce000-0000-4000-8000-000000000001" }}
"""


def make_project(root: Path, *, environment: Path, suite: str = SUITE) -> Config:
    """Write the project into the folder `root`; `environment` is the folder of its environment."""
    (root / "tests").mkdir(parents=True)
    for name, text in {
        "schema.sql": SCHEMA,
        "world.sql": WORLD,
        "tests/test_notes.py": suite,
        "pyproject.toml": _PYPROJECT.format(environment=environment),
    }.items():
        (root / name).write_text(text, encoding="utf-8")
    return load_config(root)
