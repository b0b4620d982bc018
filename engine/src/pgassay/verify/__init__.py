"""The gate: load, lint, matrix, audit, plans, suites; one verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from pgassay.config import Config
from pgassay.database import ensure_template
from pgassay.errors import CannotJudgeError, ConfigError, Place, SchemaError, ServerError
from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import Deviation
from pgassay.matrix.report import describe_error
from pgassay.mutation.touched import choose_tests
from pgassay.plans.assessment import PlanAssessment, assess_plans
from pgassay.plans.model import Judgement
from pgassay.project.revisions import Side
from pgassay.render.text import name_files
from pgassay.server import Server
from pgassay.suites.run import run_suites
from pgassay.verdict import Finding, Stage, Status, Verdict
from pgassay.verify.audited import check_audit
from pgassay.verify.lint import lint
from pgassay.workbench import Workbench
from pgassay.world.model import World

_TOLD = 10  # atoms


def load(bench: Workbench, *, alone: bool) -> Stage:
    """Load the schema as a role that is no superuser and, unless it is judged `alone`, companions and world.

    Raises ServerError and ConfigError: they say nothing about the schema.
    """
    if alone:
        bench = Workbench(replace(bench.config, companions=(), seeds=(), world=None), bench.server)
    config = bench.config
    files = [*config.schema, *config.companions, *([config.world] if config.world else [])]
    try:
        ensure_template(bench.server, bench.recipe())
    except SchemaError as error:
        message = f"{error}\nNothing of what was already applied was kept."
        finding = Finding(rule="load", message=message, place=error.place, witness=error.sqlstate)
        return Stage(name="load", status=Status.PROBLEM, detail="does not load", findings=(finding,))
    return Stage(name="load", status=Status.GOOD, detail=name_files(files))


def check_matrix(bench: Workbench) -> Stage:
    """Compare the access matrix to the baseline: a finding for each line that differs."""
    baseline = bench.config.baseline
    if baseline is None or not baseline.exists():
        why = "no baseline: there is no " + baseline.name if baseline else "no baseline configured"
        return Stage(name="matrix", status=Status.SKIPPED, detail=why)
    assessment = assess(bench)
    matrix = assessment.matrix
    if matrix.errors:
        wrong = "\n".join(describe_error(cell) for cell in matrix.errors)
        return Stage(name="matrix", status=Status.NOT_JUDGED, detail=f"probes went wrong\n{wrong}")
    findings = tuple(_not_accepted(difference, baseline) for difference in assessment.differences)
    findings += tuple(Finding(rule="matrix", message=describe_error(cell)) for cell in matrix.broken)
    count = f"{len(matrix.cells)} cells"
    detail = f"{count}, {len(findings)} not as accepted" if findings else f"{count} as accepted"
    status = Status.PROBLEM if findings else Status.GOOD
    detail = "\n".join((detail, *_tell_atoms(assessment.world)))
    return Stage(name="matrix", status=status, detail=detail, findings=findings)


def _tell_atoms(world: World) -> Iterator[str]:
    """How much of the policies the rows tell apart, and the first of what they do not."""
    others = [reach for reach in world.atoms if not reach.both]
    if world.atoms:
        yield world.claim
    yield from (f"not {reach.atom}: {reach.why}" for reach in others[:_TOLD])
    if len(others) > _TOLD:
        yield f"and {len(others) - _TOLD} more: pgassay world"


def _not_accepted(deviation: Deviation, baseline: Path) -> Finding:
    cell = deviation.cell
    return Finding(
        rule="matrix",
        message=str(deviation),
        place=Place(file=baseline, line=deviation.line),
        witness=f"{cell.witness.statement}  -- as {cell.witness.persona.name}" if cell else "",
    )


def check_plans(bench: Workbench) -> Stage:
    """Judge the contracts on a hundredth of the load: findings for broken ones and indexes at fault."""
    if not bench.config.plans:
        return Stage(name="plans", status=Status.SKIPPED, detail="no plan contracts configured")
    try:
        assessment = assess_plans(bench)
    except (ConfigError, ServerError):
        raise
    except CannotJudgeError as error:  # a schema that the load does not fit; the other stages can still judge
        return Stage(name="plans", status=Status.NOT_JUDGED, detail=str(error))
    findings = (
        *map(_broken, assessment.broken),
        *(Finding(rule="plans", message=flaw.message) for flaw in assessment.flaws),
    )
    if assessment.faults and not findings:
        faults = "\n".join(f"{fault.contract.name}: {fault.fault}" for fault in assessment.faults)
        detail = f"contracts could not be judged\n{faults}"
        return Stage(name="plans", status=Status.NOT_JUDGED, detail=detail)
    status = Status.PROBLEM if findings else Status.GOOD
    return Stage(name="plans", status=status, detail=_count(assessment), findings=findings)


def _broken(judgement: Judgement) -> Finding:
    contract = judgement.contract
    return Finding(
        rule="plans",
        message=f"{contract.name}, as {contract.persona}: {judgement.why}",
        place=contract.place,
        witness=contract.query.strip(),
    )


def _count(assessment: PlanAssessment) -> str:
    broken = {judgement.contract.name for judgement in assessment.broken}
    counts = f"{len(assessment.judgements)} contracts, {len(assessment.needs)} indexes"
    return f"{counts}, {len(broken)} contracts broken" if broken else counts


STAGES = ("load", "lint", "matrix", "audit", "plans", "suites")


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

    Nothing after lint runs against a schema that does not load: it would say nothing more.
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

    run("load", lambda: load(bench, alone=set(only) <= {"load", "lint"}))
    run("lint", lambda: lint(config, asked=only == ("lint",)))
    failed = stages[0].status is Status.PROBLEM
    for name, judge in (
        ("matrix", lambda: check_matrix(bench)),
        ("audit", lambda: check_audit(bench, asked=only == ("audit",))),
        ("plans", lambda: check_plans(bench)),
        ("suites", lambda: _judge_suites(config, server, stages, jobs=jobs, since=since)),
    ):
        run(name, partial(_not_run, name) if failed else judge)
    return Verdict(schema=config.schema, server=server.title, stages=tuple(stages))


def _judge_suites(
    config: Config, server: Server, stages: list[Stage], *, jobs: int, since: Side | None
) -> Stage:
    if not (config.suites or config.pgtap):
        return Stage(name="suites", status=Status.SKIPPED, detail="no suites configured")
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
