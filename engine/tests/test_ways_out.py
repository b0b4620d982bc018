"""Every way out that an error names has a test; here those that no other test meets."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pgassay.config import Config
from pgassay.database import Database, Session, expose, template
from pgassay.errors import CannotJudgeError, ConfigError, PgassayError, Place, SchemaError, ServerError
from pgassay.matrix.assessment import load_baseline
from pgassay.matrix.survey import survey
from pgassay.migration.command import check_formats
from pgassay.mutation.pool import Pool
from pgassay.mutation.runner import MutantRunner
from pgassay.observation import Persona
from pgassay.plans.judging import Judge
from pgassay.plans.model import read_contracts
from pgassay.project.find import find_project
from pgassay.project.revisions import resolve_side
from pgassay.races.run import ScheduleRun
from pgassay.render.output import Output
from pgassay.server import ATTACHED, Server, binaries, describe_loss, directories
from pgassay.server.account import Account
from pgassay.server.ephemeral import _exchange
from pgassay.supabase.environments import environment_files
from pgassay.toml import read_toml
from pgassay.workbench import Workbench
from pgassay.world.command import _named
from tests.ways_out import collect_hints

HERE = Path(__file__).parent
TESTED = HERE / "ways_out.toml"


def test_every_way_out_has_a_test() -> None:
    listed: dict[str, list[str]] = tomllib.loads(TESTED.read_text(encoding="utf-8"))
    hints = [hint for hints in listed.values() for hint in hints]
    assert sorted(hints) == sorted(collect_hints())
    assert [name for name in listed if not is_test(name)] == []


def is_test(name: str) -> bool:
    path, _, function = name.partition("::")
    tree = ast.parse((HERE / path).read_text(encoding="utf-8"))
    return function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def says(error: pytest.ExceptionInfo[PgassayError], what: str, *fixes: str) -> bool:
    return what in error.value.what and error.value.fixes == fixes


def test_schemas_are_exposed_where_authenticator_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "AUTHENTICATOR", "nobody_of_this_name")
    with pytest.raises(ConfigError) as refused:
        expose(Database(server=server, name=server.maintenance, owner="postgres"), ["api"])
    fixes = "let the environment make it", "take exposed out of pgassay.toml or [tool.pgassay]"
    assert says(refused, 'Cannot expose api: there is no role "nobody_of_this_name".', *fixes)


def test_baseline_and_file_of_toml_that_are_broken_or_no_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as folder:
        read_toml(tmp_path)
    assert says(folder, f"Cannot read {tmp_path}: Is a directory", "let it be a file that this user may read")
    with pytest.raises(ConfigError) as baseline:
        load_baseline(Config(root=tmp_path, baseline=tmp_path))
    assert says(
        baseline, f"Cannot read the baseline {tmp_path}", "let it be a text in UTF-8 that this user may read"
    )
    broken = tmp_path / "broken.toml"
    broken.write_text("a = ", encoding="utf-8")
    with pytest.raises(ConfigError) as invalid:
        read_toml(broken)
    assert says(invalid, f"Cannot read {broken}: ", "correct it: it is to be TOML in UTF-8")
    assert load_baseline(Config(root=tmp_path, baseline=tmp_path / "not-there-yet")) is None
    broken.write_text("a = 1", encoding="utf-8")
    assert read_toml(broken) == {"a": 1}


def test_persona_of_a_role_that_is_not_there_is_named(session: Session) -> None:
    with pytest.raises(ConfigError) as refused:
        survey(session, [Persona(name="eve", role="nonesuch")])
    fixes = "correct the role in the configuration", "let the environment or the schema create it"
    assert says(refused, "Personas have roles that do not exist here: eve is nonesuch.", *fixes)
    with session.as_owner():
        session.execute("create role nonesuch")
    assert survey(session, [Persona(name="eve", role="nonesuch")]).errors == ()


def test_migration_has_reports_of_its_own() -> None:
    with pytest.raises(ConfigError) as refused:
        check_formats(Output(shown="html"))
    assert says(refused, "There is no html report of a migration.", "choose of: text, json, markdown")
    check_formats(Output(shown="markdown"))


def test_mutants_need_a_test_that_sees_a_database() -> None:
    runner = SimpleNamespace(
        _history=SimpleNamespace(reference=SimpleNamespace(tests={})), _pool=SimpleNamespace(tests=())
    )
    with pytest.raises(CannotJudgeError) as refused:
        MutantRunner._footprints(cast(MutantRunner, runner), ("pytest",))
    fixes = "name suites in pgassay.toml or [tool.pgassay]", "accept a matrix: pgassay matrix --accept"
    assert says(refused, "No test sends anything to a database of the schema.", *fixes)


def test_workers_that_collect_different_tests_cannot_judge() -> None:
    with pytest.raises(CannotJudgeError) as refused:
        Pool(cast(Any, [SimpleNamespace(tests=["a", "b"]), SimpleNamespace(tests=["b", "a"])]))
    fix = "give parametrised tests an order and ids that do not change from run to run"
    assert says(refused, "The suites do not collect the same tests each time.", fix)


def test_plans_without_a_contract_are_a_mistake_of_configuration(tmp_path: Path) -> None:
    write = "write one there: see `pgassay help plans`"
    for paths, fix in (((), 'add plans = ["tests/plans"]'), ((tmp_path,), write)):
        with pytest.raises(ConfigError) as refused:
            read_contracts(paths)
        assert says(refused, "There is no plan contract.", fix)


def test_project_that_is_not_there_is_named(tmp_path: Path) -> None:
    for kind, name in (("folder", "app"), ("file", "a.sql")):
        with pytest.raises(ConfigError) as refused:
            find_project(tmp_path / name)
        fix = "name the folder of a project, or a file in it"
        assert says(refused, f"There is no {kind} {tmp_path / name}.", fix)
    (tmp_path / "pgassay.toml").touch()
    (tmp_path / "a.sql").touch()
    assert [find_project(tmp_path), find_project(tmp_path / "a.sql")] == [tmp_path, tmp_path]


def test_revision_without_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as refused:
        resolve_side("HEAD", Config(root=tmp_path), tmp_path)
    assert says(refused, "Cannot run git: ", "install git", "compare files")
    file = tmp_path / "base.sql"
    file.touch()
    assert resolve_side(str(file), Config(root=tmp_path), tmp_path).config.schema == (file,)


def test_schedule_that_goes_otherwise_each_time_cannot_be_judged() -> None:
    run = SimpleNamespace(scenario=SimpleNamespace(name="race"), moves=[SimpleNamespace(session="b")])
    with pytest.raises(CannotJudgeError) as refused:
        ScheduleRun._advance(cast(ScheduleRun, run), cast(Any, SimpleNamespace(can_go=False, name="a")), [])
    fix = "let nothing but the order of the steps decide what they do: no time, no chance"
    assert says(refused, "race: a schedule did not go twice as it went before.", fix)
    assert refused.value.why == "a can not go on after b"


@pytest.mark.parametrize(
    ("account", "wanted"),
    [
        (None, "you may write to"),
        (Account(name="eve", uid=4242, gid=4242), 'the account "eve" may enter'),
    ],
)
def test_machine_without_a_folder_for_the_server_is_told_which_it_needs(
    account: Account | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setattr(directories, "_TMP", missing)
    with pytest.raises(ServerError) as refused:
        directories.choose_places([missing], account)
    fix = f"set PGASSAY_TMPDIR to a directory that {wanted}"
    assert says(refused, "found no directory for its files", fix)
    assert str(missing) in refused.value.why
    if account is None:
        assert directories.choose_places([tmp_path, Path("/dev/shm")], account).data == tmp_path


def test_supervisor_that_ends_at_once_is_named() -> None:
    command = [sys.executable, "-I", "-S", "-c", ""]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0) as ended,
        pytest.raises(ServerError) as refused,
    ):
        _exchange(ended, "start")
    fix = "run again; if it happens again, run that command by hand to see its error"
    assert says(refused, "its supervisor ended without an answer", fix)


def test_attached_server_that_went_away_has_a_log_of_its_own(server: Server) -> None:
    loss = describe_loss(replace(server, origin=ATTACHED), OSError("gone"))
    assert loss.what.startswith("Lost the connection to the PostgreSQL server ")
    assert loss.fixes == ("see that server's log, and run again when it is well",)


def test_table_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        _named("a.b.c.d")
    assert refused.value.fixes == ("name a table as in SQL: --why public.posts",)
    assert _named("posts") == "public.posts"


def test_machine_without_an_installed_server_is_told_where_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binaries, "_system_candidates", lambda: iter(()))
    with pytest.raises(ServerError) as refused:
        binaries.find_binaries("system")
    fixes = (
        "install it (Debian: apt-get install postgresql)",
        "name its bin directory: --server /path/bin or PGASSAY_SERVER=/path/bin",
    )
    assert says(refused, "or newer was found", *fixes, binaries.EMBEDDED_FIX)


def test_unknown_line_is_not_told() -> None:
    places = [Place(file=Path("a.toml"), line=line) for line in (0, 3)]
    assert list(map(str, places)) == ["a.toml", "a.toml:3"]


def test_contract_of_nobody_is_refused() -> None:
    judge = SimpleNamespace(personas={"alice": None})
    contract = SimpleNamespace(persona="eve", name="page", place="plans.toml:1")
    with pytest.raises(CannotJudgeError) as refused:
        Judge._look_as(cast(Any, judge), cast(Any, contract), cast(Any, None))
    assert says(refused, 'There is no persona "eve".', "name one of: owner, alice")


def test_extension_that_is_there_from_the_start_may_be_asked_for_again(
    workbench: Workbench, tmp_path: Path
) -> None:
    file = tmp_path / "schema.sql"
    file.write_text("create extension pgcrypto;", encoding="utf-8")
    supabase = replace(workbench.config, environment=environment_files("supabase"), schema=(file,))
    with (
        pytest.raises(SchemaError) as refused,
        Workbench(supabase, workbench.server).database(depth="schema"),
    ):
        pass
    assert says(refused, 'extension "pgcrypto" already exists', "write `create extension if not exists`")
    file.write_text("create extension if not exists pgcrypto;", encoding="utf-8")
    with Workbench(supabase, workbench.server).database(depth="schema"):
        pass
