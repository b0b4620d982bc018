"""All about a project's plans in one value: contracts, indexes, and contracts at a size never loaded."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from pgassay.catalog.model import Constraint, Index, Relation
from pgassay.catalog.read import HISTORY, read_catalog
from pgassay.config import Config
from pgassay.database import Session
from pgassay.errors import ExitCode
from pgassay.plans.judging import (
    Flaw,
    Judge,
    Need,
    find_bare_keys,
    find_needs,
    find_repeats,
    list_foreign_keys,
    list_indexes,
)
from pgassay.plans.load import Announce, loaded
from pgassay.plans.model import Contract, Judgement, read_contracts
from pgassay.plans.observing import foresee
from pgassay.workbench import Workbench

SINCE = 180000  # server_version_num that brought pg_restore_relation_stats

# The owner's tables and indexes with rows, as Catalog.own_tables has them.
_OWN = f"""
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'i') and c.reltuples > 0 and n.nspname <> '{HISTORY}'
        and pg_catalog.pg_get_userbyid(c.relowner) = current_user
"""
_FACTOR = f"select %s / pg_catalog.max(c.reltuples) {_OWN} and c.relkind = 'r'"
# The planner multiplies rows per page by the pages that the file really has: so rows grow, and pages stay.
_RELATIONS = f"""
    select pg_catalog.pg_restore_relation_stats(
        'schemaname', n.nspname::text, 'relname', c.relname::text,
        'relpages', c.relpages, 'reltuples', (c.reltuples * %s)::real
    )
    {_OWN}
"""
# As many more users and jobs as rows: else each would own as many more.
_REFERENCES = """
    select pg_catalog.pg_restore_attribute_stats(
        'schemaname', s.schemaname::text, 'relname', s.tablename::text, 'attname', s.attname::text,
        'inherited', false, 'n_distinct', (s.n_distinct * %s)::real
    )
    from pg_catalog.pg_stats as s
    inner join pg_catalog.pg_attribute as a on
        a.attrelid = pg_catalog.format('%%I.%%I', s.schemaname, s.tablename)::regclass
        and s.attname = a.attname
    where
        s.n_distinct > 0 and not s.inherited and exists (
            select from pg_catalog.pg_constraint as k
            where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any (k.conkey)
        )
"""


def scale_statistics(session: Session, rows: int) -> None:
    """Scale the statistics so that the largest of the owner's tables has `rows` rows, in this transaction."""
    with session.as_owner():
        factor = session.value(_FACTOR, [rows])
        session.execute(_RELATIONS, [factor])
        session.execute(_REFERENCES, [factor])


HUNDREDTH = 0.01
SCALED_ROWS = 100_000_000

_LOADED = f"select coalesce(pg_catalog.sum(c.reltuples), 0)::bigint {_OWN} and c.relkind = 'r'"


@dataclass(frozen=True, kw_only=True)
class ScaledPlans:
    """The plans as if the largest table had `rows` rows; `unseen` contracts could not be judged so."""

    rows: int = SCALED_ROWS
    judgements: tuple[Judgement, ...] = ()
    unseen: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanAssessment:
    """What `pgassay plans` found. `rows` counts what was loaded; `seconds` is without loading.

    `growth` is the chart that was last made of how the time of single operations grows: SVG in Base64, or "".
    """

    schema: tuple[Path, ...]
    rows: int
    judgements: tuple[Judgement, ...]
    scaled: ScaledPlans
    needs: tuple[Need, ...]
    flaws: tuple[Flaw, ...]
    seconds: float
    growth: str = ""

    @property
    def broken(self) -> tuple[Judgement, ...]:
        return tuple(judgement for judgement in self._all if judgement.breaches)

    @property
    def faults(self) -> tuple[Judgement, ...]:
        """What could not be judged."""
        return tuple(judgement for judgement in self._all if judgement.fault)

    @property
    def verdict(self) -> ExitCode:
        if self.broken or self.flaws:
            return ExitCode.SCHEMA_PROBLEM
        return ExitCode.CANNOT_JUDGE if self.faults else ExitCode.GOOD

    @property
    def _all(self) -> tuple[Judgement, ...]:
        return self.judgements + self.scaled.judgements


def growth_path(config: Config) -> Path:
    """Where whoever measures growth leaves its chart."""
    return config.root / "build" / "growth.svg"


def assess_plans(
    bench: Workbench, *, scale: float = HUNDREDTH, on_progress: Announce = lambda _: None
) -> PlanAssessment:
    """Load the project at `scale`, once a server, and judge its contracts and indexes in a clone.

    `on_progress` hears what is going on. Raises ConfigError where contracts or load are missing,
    CannotJudgeError where the load does not fit.
    """
    contracts = read_contracts(bench.config.plans)
    with (
        loaded(bench, scale=scale, on_progress=on_progress) as database,
        closing(database.connect()) as connection,
        Session(connection, owner=database.owner).transaction() as session,
    ):
        timeout = bench.config.statement_timeout
        judge = Judge(
            session=session, personas=bench.personas, timeout_seconds=timeout, on_progress=on_progress
        )  # fmt: skip
        return _assess(bench, judge, contracts)


def _assess(bench: Workbench, judge: Judge, contracts: tuple[Contract, ...]) -> PlanAssessment:
    started, chart = time.monotonic(), growth_path(bench.config)
    with judge.session.as_owner():
        catalog = read_catalog(judge.session.connection, Relation, Index, Constraint)
        rows = judge.session.value(_LOADED)
    indexes, keys = list_indexes(catalog), list_foreign_keys(catalog)
    judgements = judge.judge(contracts)
    needs = find_needs(judge, judgements, indexes)
    flaws = (*find_repeats(indexes), *find_bare_keys(keys, indexes), *_unneeded(needs))
    scaled = _judge_scaled(bench, judge, judgements)
    return PlanAssessment(
        schema=bench.config.schema,
        rows=rows,
        judgements=judgements,
        scaled=scaled,
        needs=needs,
        flaws=flaws,
        seconds=time.monotonic() - started,
        growth=b64encode(chart.read_bytes()).decode() if chart.is_file() else "",
    )


def _unneeded(needs: tuple[Need, ...]) -> Iterator[Flaw]:
    for need in needs:
        if not need.is_needed:
            index = need.index
            yield Flaw(name=index.name, message=f"{index.name} on {index.relation} is needed by no contract")


def _judge_scaled(bench: Workbench, judge: Judge, judgements: tuple[Judgement, ...]) -> ScaledPlans:
    """Of what held: the contracts whose indexes EXPLAIN itself shows.

    Not whether the table is left alone: with no more pages than were loaded, visiting it looks cheap.
    """
    kept = tuple(judgement for judgement in judgements if judgement.holds)
    if bench.server.version < SINCE:
        names = tuple(judgement.contract.name for judgement in kept)
        return ScaledPlans(unseen=names, why="statistics can be imported from PostgreSQL 18 on")
    seen = tuple(replace(judgement.contract, index_only=False) for judgement in kept if _is_seen(judgement))
    scale_statistics(judge.session, SCALED_ROWS)
    return ScaledPlans(
        judgements=judge.judge(seen, look=foresee),
        unseen=tuple(judgement.contract.name for judgement in kept if not _is_seen(judgement)),
        why="what functions and triggers do shows only when it is executed",
    )


def _is_seen(judgement: Judgement) -> bool:
    shown = {node.index for sighting in judgement.sightings for node in sighting.plan.nodes}
    return shown.issuperset(judgement.contract.indexes)
