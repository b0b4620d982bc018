"""Other people's schemas, of other shapes: each is judged, and what was accepted of it is what is meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pgassay.config import Config, load_config
from pgassay.database import Layer
from pgassay.diff.outcome import Review
from pgassay.diff.review import review
from pgassay.errors import CannotJudgeError, ExitCode
from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import render_baseline
from pgassay.matrix.report import name_gaps
from pgassay.mutation.model import suite_of
from pgassay.mutation.plan import Selection
from pgassay.mutation.run import Options, run_campaign
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.verify import verify
from pgassay.workbench import Workbench

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Example:
    """A schema with what is meant by it: lines of its matrix, and a change with what the change opens."""

    name: str
    meant: tuple[str, ...]
    old: str
    new: str
    gains: str

    def config(self) -> Config:
        return load_config(HERE / self.name)


EXAMPLES = (
    Example(
        name="teams",
        meant=(
            "alice  api.memberships  insert  rank  own  rejected 23505",
            "alice  public.tasks  delete  -  another's  filtered",
            "alice  public.tasks  update  title  own  allowed also tasks.search",
            "bob  public.tasks  insert  -  own  allowed also internal.log_2025 +1",
            "bob  public.tasks  insert  -  another's  denied_policy",
            "bob  internal.log  select  -  own  filtered",
            "alice  internal.log  select  -  own  allowed",
        ),
        old="for select to authenticated using (organisation_id in (select internal.ranks('admin')));",
        new="for select to authenticated using (organisation_id in (select internal.ranks('member')));",
        gains="bob and carol can now SELECT their own rows of internal.log (was: filtered)",
    ),
    Example(
        name="blog",
        meant=(
            'anon  "Blog"."Posts"  select  Title  another\'s  '
            "allowed when publishedAt=not null; filtered when publishedAt=null",
            'alice  "Blog"."Posts"  select  Title  own  allowed',
            'anon  "Blog"."Comments"  insert  -  another\'s  allowed',
            'anon  "Blog"."Front Page"  select  Title  public  allowed',
            'anon  "Blog"."PageViews"  select  seenBy  another\'s  denied_grant',
        ),
        old='for select using ("publishedAt" is not null);',
        new="for select using (true);",
        gains='anon, bob and carol can now SELECT other people\'s rows of "Blog"."Posts"',
    ),
    Example(
        name="sharing",
        meant=(
            "bob  public.documents  select  title  another's  "
            "allowed when 2 of 3 rows; filtered when 1 of 3 rows",
            "bob  public.documents  update  title  another's  "
            "allowed when 1 of 3 rows; filtered when 2 of 3 rows",
            "carol  public.documents  select  title  another's  filtered",
            "alice  public.events  select  kind  own  allowed",
            "alice  public.events_opened_2025  select  kind  own  denied_grant",
        ),
        old=" and s.can_edit",
        new="",
        gains="bob can now UPDATE tags and title of other people's rows of public.documents",
    ),
)

ODD = Example(
    name="odd",
    meant=(
        'alice  public."user"  update  per%cent  another\'s  filtered',
        'alice  public."user"  update  order=a,b  own  allowed',
        'alice  "Odd ""one"""."a.b"  update  user_id=another\'s  own  denied_policy',
        "alice  public.extremes  update  number  own  allowed",
        "alice  public.extremes  update  grid  own  allowed",
        "alice  public.extremes  update  price  own  allowed",
        "alice  public.wide  select  c100  own  allowed",
        "alice  public.wide  select  c99  own  denied_grant",
        "alice  public.rules  insert  -  own  allowed also rules_log +1",
        "anon  public.over(integer, text)  execute  -  -  allowed",
        'anon  public."Weird name(1)"()  execute  -  -  allowed',
    ),
    old='using ("select" = (select auth.uid()))',
    new="using (true)",
    gains='alice, anon and bob can now SELECT other people\'s rows of public."user" (was: filtered).',
)


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.name)
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.param
    return found


def test_matrix_of_a_foreign_schema_is_as_meant(example: Example, server: Server) -> None:
    verdict = verify(example.config(), server, only=("load", "matrix"), jobs=1)
    assert (verdict.exit_code, verdict.findings) == (ExitCode.GOOD, ())
    accepted = (HERE / example.name / "access.matrix").read_text(encoding="utf-8").splitlines()
    assert [line for line in example.meant if line not in accepted] == []


def test_odd_names_types_and_objects_are_judged_and_what_cannot_be_read_says_why(server: Server) -> None:
    matrix = assess(Workbench(ODD.config(), server)).matrix
    cells = render_baseline(matrix).splitlines()
    assert [line for line in ODD.meant if line not in cells] == []
    assert matrix.errors == ()
    assert {(gap.object, gap.why) for gap in matrix.gaps if gap.why} == {
        ("public.broken", "division by zero")
    }
    assert "no row to try: public.broken, public (anon, alice, bob): division by zero" in name_gaps(
        matrix.gaps
    )


@pytest.mark.parametrize("example", [*EXAMPLES, ODD], ids=lambda example: example.name)
def test_what_a_written_world_answers_stays_when_it_is_filled_up(example: Example, server: Server) -> None:
    alone, filled = (
        set(render_baseline(assess(Workbench(config, server)).matrix).splitlines())
        for config in (replace(example.config(), fill_world=fills) for fills in (False, True))
    )
    assert alone - filled == set()
    assert filled - alone


FAR = """
create foreign data wrapper nothing;
create server far foreign data wrapper nothing;
do $$ begin
    execute format('grant usage on foreign server far to %I', current_setting('pgassay.owner'));
end $$;
"""


def test_foreign_table_that_nothing_can_be_asked_of_is_named(
    server: Server, environment: Layer, tmp_path: Path
) -> None:
    (tmp_path / "far.sql").write_text(FAR, encoding="utf-8")
    schema = tmp_path / "schema.sql"
    schema.write_text(
        "create foreign table public.far (a integer) server far; create table public.near (a integer);\n"
        "create view public.seen with (security_invoker = on) as select a from public.far;\n"
        "grant select on public.far, public.seen to authenticated;\n",
        encoding="utf-8",
    )
    config = replace(
        load_config(HERE / "sharing"),
        environment=(*environment.scripts, tmp_path / "far.sql"),
        schema=(schema,),
        world=None,
        fill_world=False,
    )
    gaps = [line.partition(" (") for line in name_gaps(assess(Workbench(config, server)).matrix.gaps)]
    why = 'foreign-data wrapper "nothing" has no handler'
    assert [(what, why in rest) for what, _, rest in gaps] == [
        ("no row to try: public.far, public", True),
        ("no row to try: public.near, public", False),
        ("no row to try: public.seen, public", True),
    ]


@pytest.mark.parametrize("example", [*EXAMPLES, ODD], ids=lambda example: example.name)
def test_gain_in_a_foreign_schema_is_found(example: Example, server: Server, tmp_path: Path) -> None:
    found = compare(example, server, tmp_path)
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    assert [one.message for one in found.difference.gained if one.message.startswith(example.gains)]


def compare(example: Example, server: Server, folder: Path) -> Review:
    config = example.config()
    text = config.schema[0].read_text(encoding="utf-8")
    assert text.count(example.old) >= 1
    changed = folder / "schema.sql"
    changed.write_text(text.replace(example.old, example.new), encoding="utf-8")
    head = Side(label="head", config=replace(config, schema=(changed,)))
    return review(server, Side(label="base", config=config), head, search=0)


def test_matrix_alone_notices_that_a_policy_of_a_foreign_schema_is_gone(
    server: Server, tmp_path: Path
) -> None:
    options = Options(selection=Selection(only=("DropPolicy",)), memory=tmp_path / "mutation.json")
    found = run_campaign(load_config(HERE / "blog"), server, options)
    assert found.valid == len(found.killed) == 6
    assert {suite_of(one.result.by) for one in found.fates} == {"matrix"}


def test_schema_that_the_api_does_not_serve_cannot_be_judged(server: Server) -> None:
    blog = replace(load_config(HERE / "blog"), exposed=())
    with pytest.raises(CannotJudgeError, match="There is nothing to try"):
        assess(Workbench(blog, server))
