"""The gate: load, lint, matrix, plans, suites; one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pgassay.config import Config
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.suites.run import run_suites
from pgassay.verdict import Stage, Status, Verdict
from pgassay.verify.lint import lint
from pgassay.verify.since import choose_tests
from pgassay.verify.stages import check_matrix, check_plans, load
from pgassay.workbench import Workbench

STAGES = ("load", "lint", "matrix", "plans", "suites")


def verify(  # noqa: PLR0913 - what a caller may choose, by name
    config: Config,
    server: Server,
    *,
    only: tuple[str, ...] = STAGES,
    jobs: int = 1,
    since: Side | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """Run the stages named in `only`, in order; `on_stage` hears the name of each as it begins.

    Suites run in `jobs` processes; with `since` only tests that what is not the same there can touch.

    Neither matrix nor plans nor suites run against a schema that does not load: they would say nothing more.
    """
    bench = Workbench(config, server)
    stages: list[Stage] = []

    def run(name: str, judge: Callable[[], Stage]) -> None:
        if name not in only:
            stages.append(Stage(name=name, status=Status.SKIPPED, detail="not asked for"))
            return
        on_stage(name)
        started = time.monotonic()
        stages.append(replace(judge(), seconds=time.monotonic() - started))

    run("load", lambda: load(bench, alone=not {"matrix", "plans", "suites"}.intersection(only)))
    run("lint", lambda: lint(config))
    failed = stages[0].status is Status.PROBLEM
    for name, judge in (
        ("matrix", lambda: check_matrix(bench)),
        ("plans", lambda: check_plans(bench)),
        ("suites", lambda: _judge_suites(config, server, stages, jobs=jobs, since=since)),
    ):
        run(name, partial(_not_run, name) if failed else judge)
    return Verdict(schema=config.schema, server=_describe(server), stages=tuple(stages))


def _judge_suites(
    config: Config, server: Server, stages: list[Stage], *, jobs: int, since: Side | None
) -> Stage:
    repeating = _leave_out(stages)
    if since is None:
        return run_suites(config, server, jobs=jobs, options=repeating)
    choice = choose_tests(config, since, server)
    options = [*repeating, *(f"--deselect={name}" for name in choice.left_out)]
    stage = run_suites(config, server, jobs=jobs, options=options)
    return replace(stage, detail=f"{stage.detail}\n{choice.told}")


def _leave_out(stages: list[Stage]) -> list[str]:
    """pytest's options for tests that repeat a stage which has judged."""
    judged = (Status.GOOD, Status.PROBLEM)
    return [f"--pgassay-judged={stage.name}" for stage in stages if stage.status in judged]


def _not_run(name: str) -> Stage:
    return Stage(name=name, status=Status.NOT_JUDGED, detail="not run: the load failed")


def _describe(server: Server) -> str:
    return f"PostgreSQL {server.version // 10000}.{server.version % 10000} ({server.origin})"
