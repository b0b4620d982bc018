"""Scenarios as files: what they mean, and what is refused with the place and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.errors import ConfigError
from pgassay.observation import Persona
from pgassay.races.model import Isolation, Step, StepKind
from pgassay.races.scenario_file import read_scenarios

ALICE = Persona(name="alice", role="authenticated")
WHOLE = """
shows = "Two sessions"
isolation = ["read committed", "serializable"]
setup = "select 1"
observe = "select 2 as two"
retries = 1

[sessions.first]
persona = "alice"
steps = ["select 1", "select 2"]
settings = { lock_timeout = "1s" }

[sessions.second]
role = "supabase_auth_admin"
requests = [["select 1"], ["select 2"]]
end = "crash"

[invariants]
"own" = "select 3"

[[outcomes]]
first = "committed"
two = 2
done = true
"""
SESSION = '[sessions.a]\npersona = "owner"\nsteps = ["select 1"]\n'


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_scenario_is_read_for_each_isolation_level(tmp_path: Path) -> None:
    write(tmp_path, "invariants.toml", '[invariants]\n"shared" = "select 4"\n')
    path = write(tmp_path, "two.toml", WHOLE)
    weak, strong = read_scenarios([tmp_path], {"alice": ALICE})
    assert (weak.name, strong.name) == ("two@read-committed", "two@serializable")
    assert (weak.isolation, strong.isolation) == (Isolation.READ_COMMITTED, Isolation.SERIALIZABLE)
    assert (weak.shows, weak.setup, weak.retries, weak.file) == ("Two sessions", "select 1", 1, path)
    assert weak.invariants == {"shared": "select 4", "own": "select 3"}
    assert [expected.values for expected in weak.expected] == [
        {"first": "committed", "two": "2", "done": "true"}
    ]
    first, second = weak.sessions
    assert (first.persona, first.settings, first.end) == (ALICE, {"lock_timeout": "1s"}, StepKind.COMMIT)
    assert (second.persona, second.role, second.end) == (None, "supabase_auth_admin", StepKind.CRASH)


def test_begin_is_a_step_where_it_takes_a_snapshot(tmp_path: Path) -> None:
    path = write(tmp_path, "two.toml", WHOLE)
    weak, strong = read_scenarios([path], {"alice": ALICE})
    assert weak.steps["second"] == (
        Step(kind=StepKind.STATEMENT, sql="select 1", opens=True),
        Step(kind=StepKind.COMMIT),
        Step(kind=StepKind.STATEMENT, sql="select 2", opens=True),
        Step(kind=StepKind.CRASH),
    )
    assert [str(step) for step in strong.steps["first"]] == ["begin", "select 1", "select 2", "commit"]


def test_level_is_no_part_of_the_name_where_there_is_one(tmp_path: Path) -> None:
    (scenario,) = read_scenarios([write(tmp_path, "one.toml", SESSION)], {})
    assert (scenario.name, scenario.sessions[0].persona, scenario.sessions[0].role) == ("one", None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("shows = ", r"Cannot read .*bad\.toml: Invalid value"),
        ("", r"bad\.toml: it has no \[sessions\.NAME\]"),
        (f"speed = 1\n{SESSION}", r"bad\.toml: unknown key speed"),
        (f"retries = true\n{SESSION}", r"retries in .*bad\.toml: Expected `int`, got `bool`"),
        (
            f'isolation = ["chaos"]\n{SESSION}',
            r"bad\.toml: 'chaos' is none of read committed",
        ),
        (SESSION + "until = 1\n", r"bad\.toml, session a: unknown key until"),
        (SESSION + 'role = "anon"\n', r"session a: it needs either a persona .* or a role"),
        (SESSION + 'end = "explode"\n', r"session a: 'explode' is none of commit, rollback, crash"),
        (SESSION.replace("owner", "eve"), r"session a: there is no persona 'eve'"),
        (SESSION.replace('["select 1"]', "[]"), r"session a: it needs steps"),
        (SESSION.replace("steps", "requests"), r"requests\[0\] in .*session a: Expected `array`, got `str`"),
        (
            SESSION.replace("[sessions.a]", "[sessions]"),
            r"bad\.toml, session persona: Expected `object`, got `str`",
        ),
        (f'outcomes = ["a"]\n{SESSION}', r"outcomes\[0\] in .*bad\.toml: Expected `object`, got `str`"),
    ],
)
def test_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_scenarios([write(tmp_path, "bad.toml", text)], {})


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read .*: No such file"):
        read_scenarios([tmp_path / "nothing.toml"], {})
