"""`action.yml`: its inputs, and its scripts as a runner runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgassay.server import Server

ACTION: dict[str, Any] = yaml.safe_load(Path(__file__).parents[1].joinpath("action.yml").read_text("utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in ACTION["runs"]["steps"]}
PIPE = re.compile(r"\$\{\{ *(.*?) *\}\}")
OPEN = "create table public.hits (id integer primary key, path text not null);"
CLOSED = f"{OPEN} alter table public.hits enable row level security;"

Ran = Callable[..., tuple[int, str]]


@pytest.fixture
def runner(tmp_path: Path, server: Server) -> Ran:
    """Runs the scripts in order until one fails, as a runner does; the code and the job's summary."""
    bin_folder = tmp_path / "temp" / "pgassay" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("pgassay", "python"):
        (bin_folder / name).symlink_to(Path(sys.executable).with_name(name))
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}

    def fill(text: str, inputs: dict[str, str]) -> str:
        told = files["GITHUB_OUTPUT"].read_text("utf-8") if files["GITHUB_OUTPUT"].exists() else ""
        known = {f"inputs.{name}": spec["default"] for name, spec in ACTION["inputs"].items()}
        known |= {f"inputs.{name}": value for name, value in inputs.items()}
        known |= {f"steps.audit.outputs.{k}": v for k, v in (ln.split("=", 1) for ln in told.splitlines())}
        return PIPE.sub(lambda found: known[found[1]], text)

    def ran(**inputs: str) -> tuple[int, str]:
        code = 0
        upload = [STEPS["open"]] if inputs.get("upload_sarif") else []
        for step in (STEPS["audit"], *upload, STEPS["verdict"]):
            environment = {name: fill(text, inputs) for name, text in step["env"].items()}
            environment |= {name: str(path) for name, path in files.items()}
            environment |= {
                "RUNNER_TEMP": str(tmp_path / "temp"),
                "PGASSAY_SERVER": server.url("postgres"),
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
            }
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            code = done.returncode
            if code:
                break
        return code, files["GITHUB_STEP_SUMMARY"].read_text("utf-8")

    return ran


def test_every_input_is_used_and_every_use_is_declared() -> None:
    used = set(re.findall(r"inputs\.([a-z-]+)", str(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert all("description" in spec and "default" in spec for spec in ACTION["inputs"].values())


def test_no_script_has_an_expression_in_it() -> None:
    scripts = [step for step in STEPS.values() if "run" in step]
    assert len(scripts) == 4
    assert [step["id"] for step in scripts if PIPE.search(step["run"])] == []
    assert {step["shell"] for step in scripts} == {"bash"}


def test_outputs_are_those_of_a_step() -> None:
    written = set(re.findall(r'echo "([a-z-]+)=', STEPS["audit"]["run"]))
    assert {PIPE.sub(r"\1", spec["value"]) for spec in ACTION["outputs"].values()} == {
        f"steps.audit.outputs.{name}" for name in written
    }


@pytest.mark.slow
def test_findings_fail_the_job_and_are_in_its_summary(runner: Ran, tmp_path: Path) -> None:
    (tmp_path / "my schema.sql").write_text(OPEN, encoding="utf-8")
    code, summary = runner(path="my schema.sql", arguments="--effort 1")
    assert code == 1
    assert "## pgassay: audit, problem" in summary
    reports = {path.name for path in (tmp_path / "temp" / "pgassay-reports").iterdir()}
    assert reports == {"audit.html", "audit.json", "audit.md", "audit.sarif"}


@pytest.mark.slow
def test_a_good_schema_passes_and_findings_may_pass(runner: Ran, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(CLOSED, encoding="utf-8")
    assert runner(path="a.sql")[0] == 0
    (tmp_path / "a.sql").write_text(OPEN, encoding="utf-8")
    assert runner(path="a.sql", fail="false")[0] == 0


@pytest.mark.slow
def test_what_is_accepted_is_not_uploaded(runner: Ran, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(OPEN.replace("hits", "views_of_page") + OPEN, encoding="utf-8")
    (tmp_path / "pgassay.toml").write_text('schema = ["a.sql"]\n', encoding="utf-8")
    accepted = "strangers:public.hits:update+delete+select:anon+alice+bob"
    code, _ = runner(arguments=f"--accept {accepted} --because meant", upload_sarif="true")
    assert code == 1
    reports = tmp_path / "temp" / "pgassay-reports"
    whole, left = (json.loads((reports / f"{name}.sarif").read_text("utf-8")) for name in ("audit", "open"))
    objects = [
        [
            one["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
            for one in log["runs"][0]["results"]
        ]
        for log in (whole, left)
    ]
    assert [sorted(some) for some in objects] == [
        ["default privileges", "public.hits", "public.views_of_page"],
        ["default privileges", "public.views_of_page"],
    ]


@pytest.mark.slow
def test_a_run_that_cannot_judge_fails_whatever_was_asked(runner: Ran) -> None:
    code, summary = runner(path="; echo nonesuch", fail="false")
    assert code == 2
    assert summary == "pgassay could not judge: see the log.\n"
