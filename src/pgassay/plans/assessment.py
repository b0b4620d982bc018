"""Everything about a project's plans in one value: contracts, indexes, and the contracts at a size never loaded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from pgassay.database import Database, Layer, Session, clone, ensure_template
from pgassay.errors import ConfigError
from pgassay.plans.belief import SINCE, believe
from pgassay.plans.contracts import read_contracts
from pgassay.plans.fill import fill
from pgassay.plans.indexes import Flaw, find_bare_keys, find_repeats, read_foreign_keys, read_indexes
from pgassay.plans.judging import Judge
from pgassay.plans.load import Load, read_load
from pgassay.plans.model import Contract, Judgement
from pgassay.plans.necessity import Need, find_needs
from pgassay.plans.observing import foresee
from pgassay.workbench import Workbench

HUNDREDTH = 0.01
BELIEVED_ROWS = 100_000_000
_FORMAT = "1"  # raise it when the same load file is loaded differently


@dataclass(frozen=True, kw_only=True)
class PlanAssessment:
    """What `pgassay plans` found. `rows` counts what was loaded; `seconds` is without loading.

    `believed` judges the plans as if the largest table had BELIEVED_ROWS rows; `not_judged` names what
    could not be, with the reason.
    """

    schema: tuple[Path, ...]
    rows: int
    judgements: tuple[Judgement, ...]
    believed: tuple[Judgement, ...]
    needs: tuple[Need, ...]
    flaws: tuple[Flaw, ...]
    not_judged: tuple[str, ...]
    seconds: float

    @property
    def broken(self) -> tuple[Judgement, ...]:
        return tuple(judgement for judgement in self.judgements + self.believed if judgement.breaches)

    @property
    def faults(self) -> tuple[Judgement, ...]:
        """Contracts that could not be judged."""
        return tuple(judgement for judgement in self.judgements + self.believed if judgement.fault)


def assess_plans(bench: Workbench, *, scale: float = HUNDREDTH) -> PlanAssessment:
    """Load the project at `scale`, once a server, and judge its contracts and indexes in a clone.

    Raises ConfigError where contracts or load are missing, CannotJudgeError where the load does not fit.
    """
    contracts = read_contracts(bench.config.plans)
    with loaded(bench, scale=scale) as database, closing(database.connect()) as connection:
        session = Session(connection, owner=database.owner)
        judge = Judge(session=session, personas=bench.personas)
        with session.transaction():
            return _assess(bench, judge, contracts)


@contextmanager
def loaded(bench: Workbench, *, scale: float) -> Iterator[Database]:
    """A clone of the schema with the project's load: the first call on a server loads, later ones copy."""
    load = _find_load(bench)
    digest = hashlib.sha256(load.text.encode()).hexdigest()
    layer = Layer(
        name="load", step=partial(_fill, load=load, scale=scale), fingerprint=f"{_FORMAT} {scale} {digest}"
    )
    recipe = bench.recipe(depth="schema")
    template = ensure_template(bench.server, replace(recipe, layers=(*recipe.layers, layer)))
    with clone(bench.server, template, owner=bench.owner) as database:
        yield database


def _fill(connection: psycopg.Connection[Any], *, load: Load, scale: float) -> None:
    fill(connection, load, scale=scale)


def _find_load(bench: Workbench) -> Load:
    if bench.config.load is None:
        raise ConfigError(
            "There is nothing to load for plans to be judged on.",
            why=f"{bench.config.root / 'pyproject.toml'} names no load in [tool.pgassay].",
            fixes=('add load = "tests/load.py" to [tool.pgassay]',),
        )
    return read_load(bench.config.load)


def _assess(bench: Workbench, judge: Judge, contracts: tuple[Contract, ...]) -> PlanAssessment:
    started = time.monotonic()
    with judge.session.as_owner():
        indexes, keys = read_indexes(judge.session), read_foreign_keys(judge.session)
        rows = judge.session.value(_ROWS)
    judgements = judge.judge(contracts)
    needs = find_needs(judge, judgements, indexes)
    flaws = (*find_repeats(indexes), *find_bare_keys(keys, indexes), *_unneeded(needs))
    believed, not_judged = _judge_believed(bench, judge, judgements)
    return PlanAssessment(
        schema=bench.config.schema, rows=rows, judgements=judgements, believed=believed, needs=needs,
        flaws=tuple(flaws), not_judged=not_judged, seconds=time.monotonic() - started,
    )  # fmt: skip


_ROWS = """
    select coalesce(pg_catalog.sum(reltuples), 0)::bigint from pg_catalog.pg_class
    where relkind = 'r' and reltuples > 0 and pg_catalog.pg_get_userbyid(relowner) = current_user
"""


def _unneeded(needs: tuple[Need, ...]) -> Iterator[Flaw]:
    for need in needs:
        if not need.is_needed:
            index = need.index
            yield Flaw(name=index.name, message=f"{index.name} on {index.table} is needed by no contract")


def _judge_believed(
    bench: Workbench, judge: Judge, judgements: tuple[Judgement, ...]
) -> tuple[tuple[Judgement, ...], tuple[str, ...]]:
    """Plans alone, of those contracts whose indexes the plan itself shows."""
    if bench.server.version < SINCE:
        return (), (f"{BELIEVED_ROWS:,} rows: needs PostgreSQL 18, whose statistics can be imported",)
    visible = tuple(j.contract for j in judgements if j.holds and _is_visible(j))
    hidden = tuple(j.contract.name for j in judgements if j.holds and not _is_visible(j))
    believe(judge.session, BELIEVED_ROWS)
    why = "what functions and triggers do shows only when it is executed"
    return (
        judge.judge(visible, look=foresee),
        tuple(f"{name}, at {BELIEVED_ROWS:,} rows: {why}" for name in hidden),
    )


def _is_visible(judgement: Judgement) -> bool:
    shown = {node.index for sighting in judgement.sightings for node in sighting.plan.nodes}
    return shown.issuperset(judgement.contract.indexes)
