"""`pgassay races`: what it reports, and what it exits with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pgassay.config import Config
from pgassay.database import Layer
from pgassay.errors import ConfigError, ExitCode
from pgassay.races.command import ScheduleRequest, parse_schedule, show_schedules
from pgassay.render.output import Output
from pgassay.server import Server

SCHEMA = "create table public.counter (n integer not null); insert into public.counter values (0);"
RACE = """
shows = "Two sessions count."
observe = "select n from public.counter"

[sessions.a]
persona = "owner"
steps = ["select n from public.counter", "{}"]

[sessions.b]
persona = "owner"
steps = ["select n from public.counter", "{}"]

[invariants]
"both are counted" = "select n from public.counter where n <> 2"
"""
CAREFUL = "update public.counter set n = n + 1"
CARELESS = "update public.counter set n = %(n)s + 1"

Show = Callable[..., ExitCode]


@pytest.fixture
def project(tmp_path: Path, environment: Layer) -> Config:
    races = tmp_path / "races"
    races.mkdir()
    (tmp_path / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    for name, step in (("careful", CAREFUL), ("careless", CARELESS)):
        (races / f"{name}.toml").write_text(RACE.format(step, step), encoding="utf-8")
    return Config(
        root=tmp_path,
        schema=(tmp_path / "schema.sql",),
        environment=environment.scripts,
        schedules=(races,),
    )


@pytest.fixture
def show(project: Config, server: Server) -> Show:
    def call(*names: str, shown: str = "text", replay: str = "") -> ExitCode:
        request = ScheduleRequest(names=names, replay=replay, output=Output(shown=shown))
        return show_schedules(project, server, request, on_progress=lambda _: None)

    return call


def test_race_that_is_lost_is_named_with_its_simplest_schedule(
    show: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show() is ExitCode.SCHEMA_PROBLEM
    shown = capsys.readouterr().out
    assert "\n  careful   holds     6      12       2      0      0\n" in shown
    assert "\n  careless  BROKEN    6      12       2      0      0\n" in shown
    assert (
        "\ncareless: broken by 4 of 6 schedules, the simplest of which\n"
        "  ends with a: committed, b: committed, n: 1\n"
        '  violates "both are counted"\n'
        "    n 1\n"
        "  pgassay races careless --replay a,b*3,a*2\n"
    ) in shown
    assert max(map(len, shown.splitlines()[1:])) <= 80  # the first names the file


def test_race_that_holds_is_good(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("careful") is ExitCode.GOOD
    assert "careless" not in capsys.readouterr().out


def test_replay_shows_each_step(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("careless", replay="a,b*2,a,b") is ExitCode.SCHEMA_PROBLEM
    assert capsys.readouterr().out == (
        "careless: Two sessions count.\n"
        "\n"
        "  1  a  select n from public.counter\n"
        "        1 row\n"
        "        n 0\n"
        "  2  b  select n from public.counter\n"
        "        1 row\n"
        "        n 0\n"
        "  3  b  update public.counter set n = %(n)s + 1\n"
        "        1 row\n"
        "  4  a  update public.counter set n = %(n)s + 1\n"
        "        waits for b\n"
        "  5  b  commit\n"
        "        done\n"
        "     a  goes on: 1 row\n"
        "  6  a  commit\n"
        "        done\n"
        "\n"
        "outcome: a: committed, b: committed, n: 1\n"
        'violates "both are counted"\n'
        "  n 1\n"
        "\n"
        "broken\n"
    )


def test_replay_as_json_has_every_event(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    show("careless", replay="a,b*2,a,b", shown="json")
    document = json.loads(capsys.readouterr().out)
    assert {key: document[key] for key in ("version", "scenario", "schedule", "outcome", "expected")} == {
        "version": 1,
        "scenario": "careless",
        "schedule": "a,b*2,a,b,a",
        "outcome": {"a": "committed", "b": "committed", "n": "1"},
        "expected": True,
    }
    assert document["moves"][3] == {
        "session": "a",
        "events": [
            {
                "session": "a",
                "step": CARELESS,
                "fate": "waits",
                "waits_for": ["b"],
                "sqlstate": None,
                "message": None,
                "count": -1,
                "columns": [],
                "rows": [],
            }
        ],
    }


def test_json_counts_schedules_and_lists_those_that_break(
    show: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    show(shown="json")
    document = json.loads(capsys.readouterr().out)
    careful, careless = document["scenarios"]
    assert (document["version"], document["verdict"]) == (1, "problem")
    counts = [careful[key] for key in ("name", "schedules", "pruned", "impossible", "broken")]
    assert counts == ["careful", 6, 12, 2, []]
    assert (careless["holds"], len(careless["broken"]), careless["waited"]) == (False, 4, 2)
    assert careless["broken"][0] == {
        "schedule": "a,b*3,a*2",
        "outcome": {"a": "committed", "b": "committed", "n": "1"},
        "expected": True,
        "violations": [{"invariant": "both are counted", "rows": [{"n": "1"}]}],
    }


def test_junit_fails_the_race_that_is_lost(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    show(shown="junit")
    root = ElementTree.fromstring(capsys.readouterr().out)
    failures = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert failures == {"careful": [], "careless": ["failure"]}


def test_markdown_folds_what_is_broken(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    show(shown="markdown")
    shown = capsys.readouterr().out
    assert "\n| careless | BROKEN | 6 | 12 | 2 | 0 | 0 |\n" in shown
    assert "<details><summary>careless: broken by 4 of 6 schedules" in shown


def test_name_that_no_scenario_has_is_refused(show: Show) -> None:
    with pytest.raises(ConfigError, match="There is no scenario 'carefree'") as caught:
        show("carefree")
    assert "name one of careful, careless" in str(caught.value)


def test_project_without_scenarios_can_not_be_judged(project: Config, server: Server) -> None:
    with pytest.raises(ConfigError, match="There is no scenario to explore"):
        show_schedules(
            replace(project, schedules=()), server, ScheduleRequest(), on_progress=lambda _: None
        )  # fmt: skip


def test_schedule_needs_one_scenario(show: Show) -> None:
    with pytest.raises(ConfigError, match="A schedule is replayed in one scenario, and 2 were named"):
        show(replay="a")


def test_schedule_can_not_be_shown_as_a_table(show: Show) -> None:
    with pytest.raises(ConfigError, match="A replay can not be shown as junit"):
        show("careful", replay="a", shown="junit")


@pytest.mark.parametrize("text", ["a,,b", "a*", "a*0", "a*x", "a*-1", "*2", "a*99999"])
def test_text_that_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule: it has the entry"):
        parse_schedule(text)


def test_schedule_repeats_what_has_a_number() -> None:
    assert parse_schedule("a, b*2,a") == ("a", "b", "b", "a")


def test_command_refuses_a_schedule_that_can_not_be(
    project: Config, server: Server, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    listed = ", ".join(f"'{path}'" for path in project.environment)
    (project.root / "pyproject.toml").write_text(
        f"[tool.pgassay]\nschema = 'schema.sql'\nschedules = 'races'\nenvironment = [{listed}]\n",
        encoding="utf-8",
    )
    done = run("schedule", "careful", "--server", server.url("postgres"), "--replay", "a,c", cwd=project.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "careful has no schedule a,c: at step 2, there is no session 'c'.\nTo fix this, name one of a, b\n"
    )
