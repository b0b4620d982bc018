"""A whole run over the mutants of a tiny project: each fate, going on, and what stops it at once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import Layer
from pgassay.errors import ConfigError, ExitCode
from pgassay.mutation import pool
from pgassay.mutation.history import (
    history_path,
    load_history,
    load_reference,
    save_history,
    save_reference,
)
from pgassay.mutation.model import MutantFate, MutantStatus, MutationCampaign
from pgassay.mutation.plan import Selection
from pgassay.mutation.report import map_guards, render_guard_map, report_mutants
from pgassay.mutation.run import Options, plan, run_campaign
from pgassay.mutation.runner import RedReferenceError
from pgassay.project.revisions import resolve_side
from pgassay.render.report import render_html, render_json, render_text
from pgassay.server import Server
from pgassay.workbench import Workbench
from tests.mutation.mutation_support import SCHEMA, SELECTION, SUITE, make_project

pytestmark = pytest.mark.slow

NOTES = "tests/test_notes.py::"


def fate(campaign: MutationCampaign, description: str) -> MutantFate:
    [found] = [one for one in campaign.fates if one.mutant.description == description]
    return found


@pytest.mark.parametrize(
    ("description", "status", "by"),
    [
        ('Policy "own" on public.notes was dropped.', MutantStatus.KILLED, "test_user_sees_own_notes"),
        (
            "Constraint notes_stars_in_range of public.notes says: stars <= 5 became stars <= 6.",
            MutantStatus.KILLED,
            "test_stars_end_at_5",
        ),
        (
            "Constraint notes_stars_in_range of public.notes says: stars <= 5 became stars <= 4.",
            MutantStatus.KILLED,
            "test_stars_end_at_5",
        ),
        (
            "Constraint notes_stars_in_range of public.notes says: stars >= 0 became stars >= -1.",
            MutantStatus.SURVIVED,
            "",
        ),
        ("Column owner of public.notes may now be null.", MutantStatus.SURVIVED, ""),
        (
            "Constraint notes_stars_in_range of public.notes says: stars >= 0 became stars >= 1.",
            MutantStatus.INVALID,
            "",
        ),
        (
            "Baht of the row of public.prices where name = 'note' is higher by one than 3.",
            MutantStatus.EQUIVALENT,
            "",
        ),
        ("Trigger notes_stamp on public.notes was dropped.", MutantStatus.UNJUDGED, ""),
        ("Trigger notes_stamp on public.notes was disabled.", MutantStatus.SURVIVED, ""),
    ],
)
def test_mutant_meets_its_fate(
    campaign: MutationCampaign, description: str, status: MutantStatus, by: str
) -> None:
    found = fate(campaign, description).result
    assert (found.status, found.by.removeprefix(NOTES)) == (status, by), found


def test_test_that_sends_nothing_is_left_out_by_name(campaign: MutationCampaign) -> None:
    assert campaign.blind == (f"{NOTES}test_one_and_one_is_two",)
    assert campaign.tests == 3


def test_report_has_survivors_with_places_and_ids_and_the_numbers(campaign: MutationCampaign) -> None:
    lines = render_text(report_mutants(campaign)).splitlines()
    assert lines[0] == "survived"
    survivor = fate(campaign, "Column owner of public.notes may now be null.").mutant
    assert f"    {survivor.id}: 2 tests passed" in lines
    assert "10 valid mutants: 3 killed, 5 survived, 1 equivalent, 1 not judged; 1 invalid" in lines
    assert lines[-1].startswith("33.3% killed by 3 tests in ")
    assert max(map(len, lines[-2:])) <= 80


def test_json_counts_what_it_lists(campaign: MutationCampaign) -> None:
    document = json.loads(render_json(report_mutants(campaign)))
    found = Counter(one["status"] for one in document["mutants"])
    assert (document["version"], document["verdict"]) == (1, "not judged")
    assert document["valid"] == 10
    assert document["killed"] == found["killed"] == 3
    assert [one["line"] for one in document["survived"]] == [4, 5, 12, 21, 21]
    assert [set(one) for one in document["equivalent"]] == [{"mutant", "reason"}]
    assert document["invalid"] == found["invalid"] == 1


def test_guard_map_says_what_is_guarded_and_by_which_test(campaign: MutationCampaign) -> None:
    lines = render_guard_map(campaign).splitlines()
    assert "| public.notes · own | 1 of 1 | `test_notes.py::test_user_sees_own_notes` |" in lines
    assert "| public.notes · owner | 0 of 1 | **unguarded** |" in lines


def test_next_run_goes_on_where_this_one_ended(
    campaign: MutationCampaign, project: Config, server: Server
) -> None:
    judged = [one for one in campaign.fates if one.result.status is not MutantStatus.UNJUDGED]
    selection = Selection(only=tuple(one.mutant.id for one in judged))
    again = run_campaign(project, server, Options(selection=selection))
    assert again.resumed == len(judged)
    assert again.fates == tuple(judged)


def test_what_was_found_for_another_suite_is_forgotten_but_for_who_killed(
    campaign: MutationCampaign, project: Config
) -> None:
    history = load_history(history_path(project), key="another")
    assert (history.reference.tests, history.results) == ({}, {})
    killed = {one.mutant.id: one.result.by for one in campaign.killed}
    assert history.killers == killed


def test_entry_with_a_reason_makes_a_survivor_equivalent_and_a_stale_one_is_named(
    campaign: MutationCampaign, project: Config, server: Server
) -> None:
    survivor = fate(campaign, "Column owner of public.notes may now be null.").mutant.id
    entries = [(survivor, "no client may insert"), ("DropPolicy:public.gone:00000000", "gone")]
    text = "".join(f"[[equivalent]]\nmutant = '{one}'\nreason = '{why}'\n" for one, why in entries)
    file = project.root / "listed.toml"
    file.write_text(text, encoding="utf-8")
    selection = replace(SELECTION, only=("DropNotNull",))
    found = run_campaign(replace(project, mutants=file), server, Options(selection=selection))
    assert [(one.mutant.id, one.result.reason) for one in found.equivalent] == [entries[0]]
    assert found.stale == ("DropPolicy:public.gone:00000000",)
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_since_a_base_only_what_changed_is_mutated(
    campaign: MutationCampaign, project: Config, server: Server, tmp_path: Path
) -> None:
    base = tmp_path / "base.sql"
    base.write_text(SCHEMA.replace("between 0 and 5", "between 0 and 9"), encoding="utf-8")
    found = run_campaign(
        project, server, Options(selection=SELECTION, base=resolve_side(str(base), project, tmp_path))
    )
    assert {one.mutant.target.name for one in found.fates} == {"notes_stars_in_range"}
    assert found.resumed == len(found.fates) == 4


@pytest.mark.parametrize("only", [("NOTHING",), ("DropPolicy", "DropPolciy")])
def test_name_that_selects_nothing_is_refused(project: Config, server: Server, only: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=f"Nothing was selected by '{only[-1]}'") as caught:
        run_campaign(project, server, Options(selection=Selection(only=only)))
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE


def test_nothing_that_changed_is_good_and_says_so(project: Config, server: Server) -> None:
    found = run_campaign(project, server, Options(base=resolve_side(None, project, project.root)))
    assert (found.fates, found.exit_code) == ((), ExitCode.GOOD)
    assert "There was nothing to mutate." in render_html(report_mutants(found))


def test_shards_are_the_whole_and_share_nothing(project: Config, server: Server) -> None:
    everything = plan(Workbench(project, server))
    shards = [Selection(shard=(number, 3)) for number in (1, 2, 3)]
    parts = [[one.id for one in everything if shard.takes(one)] for shard in shards]
    assert sorted(chain(*parts)) == sorted(one.id for one in everything)
    assert len(set(chain(*parts))) == len(everything)
    assert all(parts)


def test_shards_are_merged_and_nothing_runs_again(
    campaign: MutationCampaign, project: Config, server: Server, tmp_path: Path
) -> None:
    selection = replace(SELECTION, only=("ShiftBound", "DropNotNull"))
    files = tuple(tmp_path / f"{number}" / "mutation.json" for number in (1, 2))
    for number, file in enumerate(files, start=1):
        shard = replace(selection, shard=(number, 2))
        run_campaign(project, server, Options(selection=shard, memory=file))
    whole = Options(selection=selection, merge=files, memory=tmp_path / "whole" / "mutation.json")
    found = run_campaign(project, server, whole)
    assert found.resumed == len(found.fates) == 5
    assert [one.result.status for one in found.fates] == [
        fate(campaign, one.mutant.description).result.status for one in found.fates
    ]
    assert found.tests == campaign.tests


def test_run_over_another_schema_is_not_merged(
    campaign: MutationCampaign, project: Config, server: Server, tmp_path: Path
) -> None:
    changed = tmp_path / "schema.sql"
    changed.write_text(f"{SCHEMA}\ncreate table public.more ();", encoding="utf-8")
    options = Options(selection=SELECTION, merge=(history_path(project),), memory=tmp_path / "mutation.json")
    with pytest.raises(ConfigError, match="is not a run over this schema"):
        run_campaign(replace(project, schema=(changed,)), server, options)


def test_red_reference_run_refuses_to_start(server: Server, environment: Layer, tmp_path: Path) -> None:
    suite = f"{SUITE}\n\ndef test_red(session):\n    assert session.value('select 1') == 2\n"
    project = make_project(tmp_path / "red", environment=environment.scripts[0].parent, suite=suite)
    with pytest.raises(RedReferenceError, match="1 test fails on the schema itself") as caught:
        run_campaign(project, server, Options(selection=SELECTION))
    assert caught.value.why == f"{NOTES}test_red: AssertionError: assert 1 == 2"
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE


def test_kill_by_a_test_that_fails_on_the_schema_itself_by_now_is_no_kill(
    server: Server, environment: Layer, tmp_path: Path
) -> None:
    suite = f"""{SUITE}
from pathlib import Path

def test_tired(session):
    session.execute(INSERT, [1])
    spent = Path(__file__).with_name("spent")
    was_there = spent.exists()
    spent.touch()
    assert not was_there
"""
    project = make_project(tmp_path / "tired", environment=environment.scripts[0].parent, suite=suite)
    selection = Selection(only=("notes_stars_in_range",))
    found = run_campaign(project, server, Options(selection=selection))
    spoilt = [one for one in found.fates if one.result.by == f"{NOTES}test_tired"]
    assert spoilt
    assert {one.result.status for one in spoilt} == {MutantStatus.UNJUDGED}
    assert "killed it, and fails on the schema itself by now: " in spoilt[0].result.reason
    assert found.exit_code is ExitCode.CANNOT_JUDGE


def test_others_who_enter_the_database_of_the_session_find_the_mutant_there(
    server: Server, environment: Layer, tmp_path: Path
) -> None:
    suite = f"""{SUITE}
def test_stamp_is_enabled_for_all(session, shared_database):
    assert session.value("select current_database()") == shared_database.name
    with shared_database.connect() as other:
        found = other.execute("select tgenabled from pg_trigger where tgname = 'notes_stamp'")
        assert found.fetchone() == ("O",)
"""
    project = make_project(tmp_path / "shared", environment=environment.scripts[0].parent, suite=suite)
    found = run_campaign(project, server, Options(selection=Selection(only=("DisableTrigger",))))
    disabled = fate(found, "Trigger notes_stamp on public.notes was disabled.").result
    assert (disabled.status, disabled.by) == (
        MutantStatus.KILLED,
        f"{NOTES}test_stamp_is_enabled_for_all",
    )
    assert disabled.reason.startswith("AssertionError: assert ('D',)")


HANGING = f"""{SUITE}
ENABLED = "select tgenabled from pg_trigger where tgname = 'notes_stamp'"


def test_notes_stamp_comes_back(session):
    while session.value(ENABLED) != "O":
        pass
"""
FAILING = """

def test_it_is_there(session):
    assert session.value(ENABLED) == "O"
"""


@pytest.mark.parametrize(
    ("suite", "status", "by"),
    [
        (HANGING, MutantStatus.TIMEOUT, "test_notes_stamp_comes_back"),
        (HANGING + FAILING, MutantStatus.KILLED, "test_it_is_there"),
    ],
)
def test_test_that_hangs_kills_unless_another_one_fails(
    server: Server,
    environment: Layer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suite: str,
    status: MutantStatus,
    by: str,
) -> None:
    monkeypatch.setattr(pool, "TEST_SECONDS", 2.0)
    project = make_project(tmp_path / "hanging", environment=environment.scripts[0].parent, suite=suite)
    found = run_campaign(project, server, Options(selection=Selection(only=("DisableTrigger",))))
    disabled = fate(found, "Trigger notes_stamp on public.notes was disabled.").result
    assert (disabled.status, disabled.by) == (status, f"{NOTES}{by}")


def test_what_killed_others_in_an_earlier_run_is_tried_first(
    campaign: MutationCampaign, project: Config, server: Server, tmp_path: Path
) -> None:
    ends = "Constraint notes_stars_in_range of public.notes says: stars <= 5 became stars <= "
    four, six = (fate(campaign, f"{ends}{bound}.").mutant.id for bound in (4, 6))
    ran = []
    first, gone = f"{NOTES}test_note_is_stored_without_the_stamp", f"{NOTES}test_that_is_gone"
    for number, killers in enumerate(({six: gone}, {six: first})):
        memory = tmp_path / f"{number}" / "mutation.json"
        history = load_history(history_path(project), key=load_reference(history_path(project)).key)
        history.results, history.killers = {}, dict(killers)
        save_reference(memory, history)
        save_history(memory, history)
        found = run_campaign(project, server, Options(selection=Selection(only=(four,)), memory=memory))
        ran.append(fate(found, f"{ends}4.").result.ran)
    assert ran == [1, 2]


def test_reference_run_notes_the_lines_that_a_test_runs(campaign: MutationCampaign, project: Config) -> None:
    noted = load_reference(history_path(project)).tests
    ran = {test.removeprefix(NOTES): noted[test].footprint.lines for test in noted}
    assert ran["test_stars_end_at_5"] == {"stamp": {1}}
    assert ran["test_user_sees_own_notes"] == {}


def test_test_that_counters_would_turn_red_is_green(
    server: Server, environment: Layer, tmp_path: Path
) -> None:
    suite = f"""{SUITE}
def test_stamp_is_as_it_was_written(session):
    assert session.value("select prosrc from pg_proc where proname = 'stamp'") == "begin return new; end"
    session.execute(INSERT, [1])
"""
    project = make_project(tmp_path / "source", environment=environment.scripts[0].parent, suite=suite)
    found = run_campaign(project, server, Options(selection=Selection(only=("DropNotNull",))))
    noted = load_reference(history_path(project)).tests
    assert found.tests == 4
    assert noted[f"{NOTES}test_stamp_is_as_it_was_written"].footprint.lines == {}
    assert noted[f"{NOTES}test_stars_end_at_5"].footprint.lines == {"stamp": {1}}


def test_page_shows_each_survivor_with_what_makes_it(campaign: MutationCampaign) -> None:
    page = render_html(report_mutants(campaign))
    assert "<h2>Survived: 5</h2>" in page
    assert "<pre>alter table public.notes alter column owner drop not null;</pre>" in page
    assert "script" not in page.partition("</head>")[2]


def test_page_has_a_mark_for_each_object_and_the_unguarded_first(campaign: MutationCampaign) -> None:
    page = render_html(report_mutants(campaign))
    guards = map_guards(campaign)
    assert page.count('<i class="mark') == len(guards)
    assert page.count('<i class="mark open"') == sum(not guard.is_guarded for guard in guards) == 4
    assert page.index("public.notes <small>owner</small>") < page.index("public.notes <small>own</small>")
