"""`pgassay diff` on changes of schema.sql: what opens a door is found and shown in psql, the rest passes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pgassay.database import parse_script, read_script
from pgassay.diff.difference import Snapshot
from pgassay.diff.loaded import open_side
from pgassay.diff.outcome import Review, judge
from pgassay.diff.witness_scripts import render_script
from pgassay.errors import ExitCode
from pgassay.pgtap.run import find_psql
from pgassay.project.revisions import Side
from pgassay.workbench import Workbench

pytestmark = pytest.mark.slow

Surveyed = dict[tuple[str, tuple[str, ...]], Snapshot]
Edit = Callable[[str], str]


def append(text: str) -> Edit:
    return lambda schema: f"{schema}\n{text};\n"


def change(statement: str, old: str, new: str) -> Edit:
    """Replace a part of the one statement in which `statement` occurs."""

    def edit(schema: str) -> str:
        [found] = [text for text in split(schema) if statement in text and old in text]
        return schema.replace(found, found.replace(old, new))

    return edit


def split(schema: str) -> list[str]:
    path = Path("schema.sql")
    script = replace(read_script(Path(__file__).parents[2] / path), text=schema)
    return [statement.text for statement in parse_script(script)]


def reverse_policies(schema: str) -> str:
    """The same policies in another order."""
    policies = [text for text in split(schema) if text.startswith("create policy")]
    for policy in policies:
        schema = schema.replace(f"{policy};", "", 1)
    return "".join([schema, *(f"{policy};\n" for policy in reversed(policies))])


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A change that opens a door: who is through it, as the finding says, and what psql then prints."""

    name: str
    edit: Edit
    message: str
    shown: str
    by: tuple[str, ...] = ("bob",)
    before: Edit = lambda schema: schema  # what both versions have besides


LEAKS = [
    Leak(
        name="policy widened to true",
        edit=append('alter policy "Users view their own jobs" on public.jobs using (true)'),
        message="bob can now SELECT other people's rows of public.jobs (was: filtered). "
        'Policy "Users view their own jobs" on public.jobs: USING is now true '
        "(was: (user_id = ( SELECT auth.uid() AS uid))).",
        shown=r"a11ce000-.* \|",
    ),
    Leak(
        # Where a policy asks for auth.uid(), its roles do not matter: this one is by state.
        name="to authenticated dropped",
        by=("anon", "bob"),
        before=append(
            'create policy "Anybody views sales" on public.payments\nfor select to authenticated '
            "using (status = 'COMPLETED');\ngrant select on public.payments to anon"
        ),
        edit=change('"Anybody views sales"', "to authenticated ", ""),
        message="anon can now SELECT other people's rows of public.payments where status=COMPLETED "
        '(was: filtered). Policy "Anybody views sales" on public.payments now applies to public '
        "(was: authenticated).",
        shown=r"a11ce000-\S+202 \|",
    ),
    Leak(
        # Of INSERT policies: where a policy has a USING, that takes the place of a dropped WITH CHECK.
        name="with check dropped",
        edit=append('alter policy "Users start their own jobs" on public.jobs with check (true)'),
        message="bob can now INSERT rows in another's name into public.jobs",
        shown="INSERT 0 1",
    ),
    Leak(
        name="security_invoker dropped",
        edit=change("create view public.user_stats", "with (security_invoker = true) ", ""),
        message="bob can now SELECT other people's rows of public.user_stats (was: filtered). "
        "public.user_stats lost its security_invoker.",
        shown=r"a11ce000-.* \|",
    ),
    Leak(
        name="column grant",
        edit=append("grant update (credits) on public.users to authenticated"),
        message="bob can now UPDATE credits of their own rows of public.users (was: denied, no grant). "
        "UPDATE (credits) on public.users is now granted to authenticated.",
        shown="UPDATE 1",
    ),
    Leak(
        name="truncate granted",
        edit=append("grant truncate on public.user_preferences to authenticated"),
        message="bob can now TRUNCATE public.user_preferences (was: denied, no grant).",
        shown="TRUNCATE TABLE",
    ),
    Leak(
        name="definer function executable",
        edit=append(
            "grant execute on function "
            "public.grant_credits(uuid, integer, public.transaction_type, text, text) to authenticated"
        ),
        message="bob can now EXECUTE public.grant_credits(",
        shown=r"^ t$",
    ),
    Leak(
        name="row level security disabled",
        edit=append("alter table public.payments disable row level security"),
        message="bob can now SELECT other people's rows of public.payments (was: filtered). "
        "Row level security of public.payments was disabled.",
        shown=r"a11ce000-.* \|",
    ),
    Leak(
        name="restrictive policy dropped",
        by=("dave",),
        edit=append('drop policy "Closed accounts see and do nothing" on public.jobs'),
        message="dave can now SELECT their own rows of public.jobs (was: filtered). "
        'Policy "Closed accounts see and do nothing" on public.jobs was dropped.',
        shown=r"dead0000-.* \|",
    ),
    Leak(
        name="join that forgets the tenant",
        edit=change(
            '"Users view their own ledger"',
            "using (user_id = (select auth.uid()))",
            "using (exists (select from public.users as u where u.id = (select auth.uid())))",
        ),
        message="bob can now SELECT other people's rows of public.credit_transactions",
        shown=r"\d+ \|",
    ),
    Leak(
        name="or in the wrong place",
        edit=change(
            '"Users view their own jobs"',
            "using (user_id = (select auth.uid()))",
            "using (user_id = (select auth.uid()) and status = 'FAILED' or status = 'COMPLETED')",
        ),
        message="bob can now SELECT other people's rows of public.jobs where status=COMPLETED"
        " (was: filtered).",
        shown=r"a11ce000-\S+107 \|",
    ),
    Leak(
        name="trigger that no longer refuses",
        edit=change("create function private.move_job()", "if not is_legal then", "if false then"),
        message="bob can now UPDATE status to PENDING",
        shown="UPDATE 1",
    ),
]
HARMLESS: dict[str, Edit] = {
    "policy renamed": change(
        '"Users view their own jobs"', '"Users view their own jobs"', '"Owners view jobs"'
    ),
    "file reordered": reverse_policies,
    "new index": append("create index jobs_name_idx on public.jobs (job_name)"),
    "equivalent policy": append(
        'alter policy "Users view their own jobs" on public.jobs '
        "using (not ((select auth.uid()) is distinct from user_id))"
    ),
    "tightened policy": append(
        'alter policy "Users view their own jobs" on public.jobs '
        "using (user_id = (select auth.uid()) and status <> 'FAILED')"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where versions of the schema are tried, by few people: more would only take longer."""

    workbench: Workbench
    folder: Path
    surveyed: Surveyed

    @property
    def schema(self) -> str:
        [path] = self.workbench.config.schema
        return path.read_text(encoding="utf-8")

    def compare(self, base: str, head: str, *, by: tuple[str, ...]) -> Review:
        sides = self._side("base.sql", base, by), self._side("schema.sql", head, by)
        if (base, by) not in self.surveyed:
            self.surveyed[base, by] = self._survey(sides[0])
        return judge(*sides, self.surveyed[base, by], self._survey(sides[1]))

    def _side(self, name: str, text: str, by: tuple[str, ...]) -> Side:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        config = self.workbench.config
        personas = {name: config.personas[name] for name in by}
        return Side(label=name, config=replace(config, schema=(path,), personas=personas, baseline=None))

    def _survey(self, side: Side) -> Snapshot:
        with open_side(self.workbench.server, side) as stand:
            return stand.survey()

    def show(self, review: Review) -> str:
        """What psql prints for the first gain's witness on HEAD."""
        script = render_script(review.difference.gained[0])
        with Workbench(review.head.config, self.workbench.server).database() as database:
            psql = [
                str(find_psql(self.workbench.server.bin_dir)),
                "-X",
                "-v",
                "ON_ERROR_STOP=1",
                database.url(),
            ]
            run = subprocess.run(psql, input=script, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope="session")
def surveyed() -> Surveyed:
    """What was found for versions that several tests start from."""
    return {}


@pytest.fixture
def stage(workbench: Workbench, tmp_path: Path, surveyed: Surveyed) -> Stage:
    return Stage(workbench=workbench, folder=tmp_path, surveyed=surveyed)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_leak_is_found_and_shown_in_psql(leak: Leak, stage: Stage) -> None:
    base = leak.before(stage.schema)
    found = stage.compare(base, leak.edit(base), by=leak.by)
    first = found.difference.gained[0]
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    assert first.message.startswith(leak.message)
    assert first.place is not None
    assert first.place.file == stage.folder / "schema.sql"
    assert re.search(leak.shown, stage.show(found), re.MULTILINE)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_change_passes(name: str, stage: Stage) -> None:
    found = stage.compare(stage.schema, HARMLESS[name](stage.schema), by=("bob",))
    assert found.difference.gained == ()
    assert found.difference.schema != () or name == "file reordered"
    assert found.exit_code is ExitCode.GOOD
