"""The workflows on GitHub: what they may do, one comment a pull request, and no mutant that is left out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

# `gh api`, as far as the workflow uses it: keeps its arguments, and lists the comments of a file.
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in *--paginate*) cat "$COMMENTS" ;; *) cp comment.md "$SENT" ;; esac
"""


def read_jobs(pytestconfig: pytest.Config, name: str) -> dict[str, Any]:
    path = pytestconfig.rootpath / ".github" / "workflows" / name
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["permissions"] == {"contents": "read"}
    jobs: dict[str, Any] = document["jobs"]
    return jobs


@pytest.fixture(scope="module")
def jobs(pytestconfig: pytest.Config) -> dict[str, Any]:
    return read_jobs(pytestconfig, "schema-gate.yml")


@pytest.fixture(scope="module")
def mutants(pytestconfig: pytest.Config) -> dict[str, Any]:
    return read_jobs(pytestconfig, "mutants.yml")


def steps(jobs: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in jobs.values() for step in job["steps"]]


def test_actions_are_pinned_by_commit(jobs: dict[str, Any], mutants: dict[str, Any]) -> None:
    used = [step["uses"] for step in (*steps(jobs), *steps(mutants)) if "uses" in step]
    assert len(used) > 12
    assert [name for name in used if not re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", name)] == []


def test_job_that_may_write_runs_nothing_of_the_pull_request(jobs: dict[str, Any]) -> None:
    writing = {name: job["permissions"] for name, job in jobs.items() if "permissions" in job}
    assert writing == {"comment": {"pull-requests": "write"}}
    assert [step.get("uses", "").partition("@")[0] for step in jobs["comment"]["steps"]] == [
        "actions/download-artifact",
        "",
    ]


def test_difference_fails_the_job_and_is_told_all_the_same(jobs: dict[str, Any]) -> None:
    compare, *telling = jobs["difference"]["steps"][3:]
    assert "pgassay diff base --format github" in compare["run"]
    assert "continue-on-error" not in compare
    assert all(step["if"].startswith("${{ !cancelled()") for step in telling)


def test_deployment_is_checked_where_its_tools_are(jobs: dict[str, Any]) -> None:
    install, *_, check = (step.get("run", "") for step in jobs["deployment"]["steps"])
    assert {"nodejs", "npm", "postgresql-15", "postgresql-15-plpgsql-check"} <= set(install.split())
    assert check == "make deploy-check"  # a tool that is missing makes it exit 2


@pytest.mark.parametrize(
    ("comments", "call"),
    [
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("42\n43\n", "--method PATCH repos/o/r/issues/comments/42"),
    ],
    ids=["first run", "second run"],
)
def test_comment_is_updated_rather_than_repeated(
    jobs: dict[str, Any], tmp_path: Path, comments: str, call: str
) -> None:
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "comments").write_text(comments, encoding="utf-8")
    (tmp_path / "difference").mkdir()
    (tmp_path / "difference" / "comment.md").write_text("## 1 gained\n", encoding="utf-8")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "COMMENTS": str(tmp_path / "comments"),
        "SENT": str(tmp_path / "sent"),
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_SERVER_URL": "server",
        "GITHUB_RUN_ID": "5",
        "PULL_REQUEST": "7",
    }
    script = jobs["comment"]["steps"][1]["run"]
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=True)
    listed, written = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert listed.startswith("api --paginate repos/o/r/issues/7/comments --jq ")
    assert written == f"api --silent {call} --field body=@comment.md"
    first, second, *_, last = (tmp_path / "sent").read_text(encoding="utf-8").splitlines()
    assert (first, second) == ("<!-- pgassay diff -->", "## 1 gained")
    assert last.endswith("[this run](server/o/r/actions/runs/5)")


def run_step(jobs: dict[str, Any], name: str, folder: Path, *, code: int) -> tuple[int, str]:
    """The exit code of a step where pgassay exits with `code`, and how it was called."""
    program = folder / ".venv" / "bin" / "pgassay"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" > called\nexit {code}\n', encoding="utf-8")
    program.chmod(0o755)
    (folder / "git").symlink_to("/bin/true")
    [script] = [step["run"] for step in steps(jobs) if step.get("name") == name]
    done = subprocess.run(
        ["bash", "-e", "-c", script.replace("${{ matrix.shard }}", "3")],
        cwd=folder, env={"PATH": f"{folder}:{os.environ['PATH']}"}, check=False,
    )  # fmt: skip
    return done.returncode, (folder / "called").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_survivor_of_a_change_fails_the_pull_request(
    mutants: dict[str, Any], tmp_path: Path, code: int
) -> None:
    name = "Does a test notice each mutant of what changed?"
    ended, called = run_step(mutants, name, tmp_path, code=code)
    assert (ended, called) == (code, "mutate --since base --report markdown=build/mutants.md")


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 0), (2, 1)])
def test_shard_with_a_survivor_is_united_and_one_that_could_not_judge_fails(
    mutants: dict[str, Any], tmp_path: Path, code: int, ends: int
) -> None:
    assert run_step(mutants, "Try the mutants", tmp_path, code=code) == (ends, "mutate --shard 3/4")


def test_what_the_whole_run_noted_of_tests_serves_the_next_change(mutants: dict[str, Any]) -> None:
    [read] = [s for s in mutants["change"]["steps"] if "actions/cache/restore@" in s.get("uses", "")]
    [kept] = [s for s in mutants["whole"]["steps"] if "actions/cache/save@" in s.get("uses", "")]
    assert read["with"]["path"] == kept["with"]["path"] == "build/mutation.reference.json"
    assert kept["with"]["key"].startswith(read["with"]["restore-keys"])


def test_every_shard_is_run_and_united(mutants: dict[str, Any], tmp_path: Path) -> None:
    assert mutants["shard"]["strategy"]["matrix"]["shard"] == [1, 2, 3, 4]
    ended, called = run_step(mutants, "Unite the parts", tmp_path, code=1)
    assert ended == 1
    merged = re.findall(r"--merge (\S+)", called)
    assert merged == [f"shards/mutants-{number}/mutation.json" for number in (1, 2, 3, 4)]
