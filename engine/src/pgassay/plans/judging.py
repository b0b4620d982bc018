"""Hold contracts against a loaded database; which indexes are needed, which are wrong by their look alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import LiteralString, TypeVar

import psycopg
from psycopg import sql

from pgassay.catalog.model import Constraint, Index, Part
from pgassay.catalog.read import Catalog
from pgassay.database import Session
from pgassay.database.actor import classify
from pgassay.errors import CannotJudgeError
from pgassay.observation import Outcome, Persona
from pgassay.plans.checks import find_breaches
from pgassay.plans.model import OWNER, Contract, Judgement, Sighting
from pgassay.plans.observing import read_functions, watch

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """Something wrong with an index, or the want of one."""

    name: str
    message: str


def list_indexes(catalog: Catalog) -> tuple[Index, ...]:
    """The indexes on tables of who read the catalog, by table and name."""
    return _sorted(index for index in catalog.of(Index) if index.relation_oid in catalog.own_tables)


def list_foreign_keys(catalog: Catalog) -> tuple[Constraint, ...]:
    """The foreign keys of tables of who read the catalog, by table and name."""
    keys = (key for key in catalog.of(Constraint) if key.relation_oid in catalog.own_tables)
    return _sorted(key for key in keys if key.type == "f")


def _sorted(parts: Iterable[P]) -> tuple[P, ...]:
    return tuple(sorted(parts, key=lambda part: (part.relation, part.name)))


def find_repeats(indexes: tuple[Index, ...]) -> Iterator[Flaw]:
    """Indexes that another one makes superfluous: the same keys, or the beginning of its keys.

    A unique index is a rule of its own, but says nothing new where fewer of its keys are already unique;
    unless a foreign key needs it as its target.
    """
    for one, other in permutations(indexes, 2):
        if not _begins(other, with_=one):
            continue
        if one.keys == other.keys:
            if _dispensable(one) > _dispensable(other) and not one.included:
                yield Flaw(name=one.name, message=f"{one.name} on {one.relation} repeats {other.name}")
        elif not one.unique and not one.included:
            yield Flaw(
                name=one.name, message=f"{one.name} on {one.relation} is the beginning of {other.name}"
            )
        elif one.unique and other.unique and not other.target:
            message = f"{other.name} on {other.relation} says nothing new: {one.name} is unique already"
            yield Flaw(name=other.name, message=message)


def _dispensable(index: Index) -> tuple[bool, bool, bool, str]:
    """Of two with the same keys, the one that sorts last can go."""
    return (not index.target, not index.constraint, not index.unique, index.name)


def find_bare_keys(keys: tuple[Constraint, ...], indexes: tuple[Index, ...]) -> Iterator[Flaw]:
    """Foreign keys that no whole index begins with, or with a first column that is the parent's key."""
    for key in keys:
        # By its first column alone, where that is the referenced table's primary key.
        parents = (index for index in indexes if index.relation_oid == key.target_oid and index.primary)
        identified = any(index.columns == key.target_columns[:1] for index in parents)
        needed = 1 if identified else len(key.columns)
        covering = (
            index
            for index in indexes
            if (index.table, index.predicate, index.method) == (key.table, "", "btree")
            and set(index.numbers[:needed]) == set(key.numbers[:needed])
        )
        if next(covering, None) is None:
            yield Flaw(
                name=key.name, message=f"{key.name} on {key.relation} is a foreign key without an index"
            )


def _begins(long: Index, *, with_: Index) -> bool:
    alike = (long.table, long.predicate, long.method) == (with_.table, with_.predicate, with_.method)
    return alike and long.method == "btree" and long.keys[: len(with_.keys)] == with_.keys


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
