"""Carry a migration out on BASE with its world, and look at what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from pgassay.access.changes import Kind, SchemaChange
from pgassay.access.diff import Difference, Snapshot, diff_snapshots
from pgassay.access.review import Review, Stand, open_stand
from pgassay.database import Database, Script, Session, Watcher, apply_script, parse_script
from pgassay.errors import ExitCode, Place, SchemaError
from pgassay.migration.catalog import read_catalog
from pgassay.migration.contents import TableChange, compare_contents, read_contents, rewritten
from pgassay.migration.intent import Intent, read_intent
from pgassay.migration.locks import Lock, LockWatch
from pgassay.migration.squawk import ABSENT, Hazard, ask_squawk, find_squawk
from pgassay.revisions import Side
from pgassay.server import Server
from pgassay.workbench import Workbench

_ORDER = "order of columns"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a migration did to the database that it ran on; `seconds` on an idle one with few rows."""

    locks: tuple[Lock, ...]
    unseen: tuple[Place, ...]
    rows: tuple[TableChange, ...]
    rewritten: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The judgement of a migration. `fault`: it failed; there is no `run` then.

    `difference`: what its result has or lets people do otherwise than HEAD. `reordered`: tables whose columns
    only stand in another order. `unsafe` is None where squawk is not installed.
    """

    script: Script
    intent: Intent = field(default_factory=Intent)
    run: Run | None = None
    fault: SchemaError | None = None
    difference: Difference = field(default_factory=Difference)
    reordered: tuple[str, ...] = ()
    unsafe: tuple[Hazard, ...] | None = None

    @property
    def unmeant(self) -> tuple[TableChange, ...]:
        """Rows that were lost or changed without a word about it in the migration."""
        return tuple(one for one in self.run.rows if not self.intent.covers(one)) if self.run else ()

    @property
    def strays(self) -> bool:
        """Whether the result is not HEAD."""
        found = self.difference
        return bool(found.schema or found.gained or found.lost or found.changed)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.SCHEMA_PROBLEM if self.fault or self.unmeant or self.strays else ExitCode.GOOD

    @property
    def without_squawk(self) -> str:
        """Why there is nothing about unsafe statements; "" where they were looked for."""
        return ABSENT if self.unsafe is None else ""


def rehearse(
    server: Server,
    base: Side,
    review: Review,
    script: Script,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Rehearsal:
    """Apply `script` to BASE as the schema's owner, and compare what comes out with HEAD.

    Rows are those of BASE's own world; what people can do is compared in the one that `review` used for both.
    Raises ConfigError for a comment in the script that cannot be understood, CannotJudgeError when a probe or
    squawk goes wrong.
    """
    found = Rehearsal(script=script, intent=read_intent(script), unsafe=_find_unsafe(server, script))
    on_stage("rehearsing the migration")
    try:
        run = _carry_out(server, base, script)
        on_stage("comparing its result with HEAD")
        difference = diff_snapshots(_survey_head(server, review), _survey_result(server, review, script))
    except SchemaError as error:
        return replace(found, fault=error)
    moved = [change for change in difference.schema if change.property == _ORDER]
    return replace(
        found,
        run=run,
        difference=replace(difference, schema=tuple(_without_parts(difference.schema))),
        reordered=tuple(change.key.object for change in moved if _is_same_set(change)),
    )


def _find_unsafe(server: Server, script: Script) -> tuple[Hazard, ...] | None:
    program = find_squawk()
    if program is None:
        return None
    single = all(statement.transactional for statement in parse_script(script))
    return ask_squawk(program, script, version=server.version, transactional=single)


def _carry_out(server: Server, base: Side, script: Script) -> Run:
    """Apply the migration, and look at rows and locks."""
    with (
        Workbench(base.config, server).database() as database,
        closing(database.connect(autocommit=True)) as observer,
    ):
        before = read_contents(observer)
        watch = LockWatch(observer)
        started = time.perf_counter()
        _apply(database, base, script, watch)
        seconds = time.perf_counter() - started
        after = read_contents(observer)
    return Run(
        locks=watch.locks,
        unseen=tuple(watch.unseen),
        rows=tuple(compare_contents(before, after)),
        rewritten=rewritten(before, after),
        seconds=seconds,
    )


def _apply(database: Database, base: Side, script: Script, watcher: Watcher | None = None) -> None:
    limit = base.config.statement_timeout
    apply_script(database.conninfo(), script, timeout_seconds=limit, watcher=watcher)


def _survey_result(server: Server, review: Review, script: Script) -> Snapshot:
    """What everybody can do after the migration, as HEAD's configuration asks."""
    side = replace(review.head, label="the result of the migration")
    with Workbench(review.base.config, server).database() as database:
        _apply(database, review.base, script)
        with (
            closing(database.connect()) as connection,
            Session(connection, owner=database.owner).transaction() as session,
        ):
            bench = Workbench(side.config, server)
            return Stand(side=side, bench=bench, session=session, inventory=read_catalog(session)).survey()


def _survey_head(server: Server, review: Review) -> Snapshot:
    assert review.matrix
    with open_stand(server, review.head) as stand:
        return Snapshot(inventory=read_catalog(stand.session), matrix=review.matrix)


def _without_parts(changes: Sequence[SchemaChange]) -> Iterator[SchemaChange]:
    """Without the parts of relations that came or went as a whole, and without the order of columns."""
    whole = {
        change.key.object
        for change in changes
        if change.key.kind == "relation" and change.kind in (Kind.ADDED, Kind.DROPPED)
    }
    for change in changes:
        is_part = change.key.kind != "relation" and change.key.object in whole
        if not is_part and change.property != _ORDER:
            yield change


def _is_same_set(order: SchemaChange) -> bool:
    """Whether the columns are the same, whatever their order: ALTER TABLE can only add at the end."""
    return sorted((order.before or "").split(", ")) == sorted((order.after or "").split(", "))
