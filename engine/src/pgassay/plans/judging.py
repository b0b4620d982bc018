"""Hold contracts against a loaded database; find which contract needs an index by dropping it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import LiteralString

import psycopg
from psycopg import sql

from pgassay.catalog.model import Index
from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.errors import CannotJudgeError
from pgassay.observation import Outcome, Persona
from pgassay.plans.checks import find_breaches
from pgassay.plans.model import OWNER, Contract, Judgement, Sighting
from pgassay.plans.observing import read_functions, watch

Look = Callable[[Session, Contract], tuple[Sighting, ...]]

# What the role has already may be shorter; 0 is none.
_LIMIT: LiteralString = """
    select pg_catalog.set_config(
        'statement_timeout', least(nullif(setting::integer, 0), %s::integer)::text, true
    )
    from pg_catalog.pg_settings where name = 'statement_timeout'
"""


class _RunawayError(Exception):
    """A statement that was cancelled, with the time that it had."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges contracts in one session's transaction; `personas` are those of the project by name.

    A statement is cancelled after `timeout_seconds`, or earlier where its role has less time. `on_progress`
    hears which contract is looked at.
    """

    session: Session
    personas: Mapping[str, Persona]
    timeout_seconds: int = 30
    on_progress: Callable[[str], None] = lambda _: None

    def judge(self, contracts: Iterable[Contract], *, look: Look = watch) -> tuple[Judgement, ...]:
        """One judgement a contract, as the schema is now in this transaction. Nothing is kept.

        Raises CannotJudgeError for a persona that is not configured, and when the server goes away.
        """
        functions = read_functions(self.session)

        def judge_one(contract: Contract) -> Judgement:
            self.on_progress(f"judging: {contract.name}")
            try:
                sightings = self._look_as(contract, look)
            except _RunawayError as runaway:
                return Judgement(contract=contract, breaches=(f"runs away: cancelled after {runaway}",))
            except psycopg.Error as error:
                if self.session.connection.closed:
                    raise CannotJudgeError("The server went away.", why=str(error).strip()) from error
                return _refused(contract, error)
            breaches = find_breaches(contract, sightings, functions)
            return Judgement(contract=contract, sightings=sightings, breaches=breaches)

        return tuple(map(judge_one, contracts))

    def _look_as(self, contract: Contract, look: Look) -> tuple[Sighting, ...]:
        if contract.persona == OWNER:
            with self.session.as_owner():
                return self._look(contract, look)
        if contract.persona not in self.personas:
            raise CannotJudgeError(
                f'There is no persona "{contract.persona}".',
                why=f'The contract "{contract.name}" in {contract.place} names it.',
                fixes=(f"name one of: {', '.join((OWNER, *self.personas))}",),
            )
        with self.session.act_as(self.personas[contract.persona]):
            return self._look(contract, look)

    def _look(self, contract: Contract, look: Look) -> tuple[Sighting, ...]:
        with self.session.undone():
            limit = self.session.value(_LIMIT, [self.timeout_seconds * 1000])
            try:
                return look(self.session, contract)
            except psycopg.errors.QueryCanceled as error:
                raise _RunawayError(limit) from error


def _refused(contract: Contract, error: psycopg.Error) -> Judgement:
    """A refusal by the schema is a breach; anything else, such as a missing column, is a fault."""
    diag = error.diag
    said = f"{error.sqlstate}: {diag.message_primary or error}"
    if classify(error.sqlstate or "", diag.source_function or "") is Outcome.ERROR:
        return Judgement(contract=contract, fault=f"does not run: {said}")
    return Judgement(contract=contract, breaches=(f"is refused: {said}",))


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
