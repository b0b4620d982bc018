"""Which contract needs an index: the index is dropped, in a savepoint, to see what breaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from psycopg import sql

from pgassay.catalog.model import Index
from pgassay.plans.judging import Judge
from pgassay.plans.model import Judgement


@dataclass(frozen=True, kw_only=True)
class Need:
    """Why an index is there: the contracts that break without it, or the rule that it enforces."""

    index: Index
    contracts: tuple[str, ...]

    @property
    def is_needed(self) -> bool:
        return self.index.is_rule or bool(self.contracts)


def find_needs(judge: Judge, judgements: Iterable[Judgement], indexes: Iterable[Index]) -> tuple[Need, ...]:
    """Judge again, without each index that is not a rule, the contracts whose plans used it.

    Being named in a contract makes no index needed: only what a plan without it newly does wrong counts.
    """
    kept = tuple(judgement for judgement in judgements if not judgement.fault)
    return tuple(Need(index=index, contracts=_needing(judge, kept, index)) for index in indexes)


def _needing(judge: Judge, judgements: tuple[Judgement, ...], index: Index) -> tuple[str, ...]:
    users = [judgement for judgement in judgements if index.name in judgement.indexes]
    if index.is_rule or not users:
        return ()
    with judge.session.as_owner():
        execute = judge.session.connection.execute
        execute("savepoint pgassay_need")
        execute(sql.SQL("drop index {}").format(sql.Identifier(index.schema, index.name)))
        without = judge.judge(replace(user.contract, indexes=()) for user in users)
        execute("rollback to savepoint pgassay_need; release savepoint pgassay_need")
    return tuple(
        then.contract.name
        for now, then in zip(users, without, strict=True)
        if not set(now.breaches).issuperset(then.breaches)
    )
