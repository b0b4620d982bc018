"""The whole way from a schema to the fates of its mutants."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from pgassay.catalog.model import Thing
from pgassay.config import Config
from pgassay.database import read_script
from pgassay.mutation.history import (
    History,
    history_path,
    load_history,
    load_reference,
    save_history,
    save_reference,
    unite,
)
from pgassay.mutation.model import (
    SUITES,
    Mutant,
    MutantFate,
    MutantResult,
    MutantStatus,
    MutationCampaign,
    read_equivalents,
    suite_of,
)
from pgassay.mutation.pairs import find_pairs, is_pair, sample_pairs
from pgassay.mutation.plan import Selection, plan_mutants
from pgassay.mutation.pool import open_pool
from pgassay.mutation.runner import MutantRunner, Say
from pgassay.mutation.things import read_things, unbound_roles
from pgassay.mutation.touched import find_untouched
from pgassay.plpgsql.definitions import find_definitions
from pgassay.project.fingerprint import fingerprint, hash_files
from pgassay.project.revisions import Side
from pgassay.server import Server
from pgassay.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is about. With `base`, only what is not the same there is mutated; only `suites` may kill.

    A `fresh` run does not go on where an earlier one stopped; `merge` are files of other runs to go on from,
    such as shards. `jobs` is the number of worker processes, `memory` the file where results are kept:
    build/mutation.json for None. `second_order` is how many pairs of changes are tried beside, drawn with
    `seed`.
    """

    selection: Selection = field(default_factory=Selection)
    base: Side | None = None
    suites: tuple[str, ...] = SUITES
    fresh: bool = False
    merge: tuple[Path, ...] = ()
    jobs: int = 1
    memory: Path | None = None
    second_order: int = 0
    seed: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether it is about all mutants and all suites."""
        return self.selection == Selection() and self.base is None and self.suites == SUITES


def run_campaign(
    config: Config, server: Server, options: Options, *, on_progress: Say = lambda _: None
) -> MutationCampaign:
    """Plan, run and tell. Results are kept, so that a run that was stopped goes on.

    Raises SchemaError when the schema does not load, RedReferenceError, CannotJudgeError where no suite runs,
    ConfigError for a selection of nothing, and a file to merge that is of something else.
    """
    started = time.perf_counter()
    on_progress("reading the schema")
    unchanged = read_things(Workbench(options.base.config, server)) if options.base else ()
    everything = plan(Workbench(config, server), unchanged=unchanged)
    named = find_pairs(everything, [name for name in options.selection.only if is_pair(name)])
    if options.base is None:
        options.selection.check((*everything, *named))
    chosen = [mutant for mutant in everything if options.selection.takes(mutant)]
    ignored = read_equivalents(config.mutants)
    memory = options.memory or history_path(config)
    history = _remember(config, server, options, memory)
    known = history.of(options.suites)
    with ExitStack() as stack:
        runner: list[MutantRunner] = []
        untouched = 0

        def judge(mutants: Iterable[Mutant]) -> int:
            """How many of them have to be tried."""
            nonlocal untouched
            waiting = [one for one in mutants if one.id not in ignored and not _is_settled(known.get(one.id))]
            if waiting and not runner:
                if options.base and not options.fresh and not history.reference.tests:
                    untouched = _keep_untouched(config, server, options.base, memory, history)
                on_progress("collecting the suites")
                pool = stack.enter_context(open_pool(config, server, jobs=options.jobs))
                runner.append(MutantRunner(pool, history, memory, on_progress=on_progress))
            if waiting:
                runner[0].run(waiting, suites=options.suites, planned=everything)
            return len(waiting)

        tried = judge(chosen)
        pairs = _add_drawn(named, options, chosen, known)
        tried += judge(pairs)
    seeing = {test: noted.footprint.sees for test, noted in history.reference.tests.items()}
    return MutationCampaign(
        fates=tuple(MutantFate(mutant=one, result=_result(one, known, ignored)) for one in (*chosen, *pairs)),
        stale=() if options.base else _find_stale(ignored, everything),
        blind=tuple(test for test, sees in seeing.items() if not sees),
        untouched=untouched,
        tests=sum(seeing.values()),
        resumed=len(chosen) + len(pairs) - tried,
        seconds=time.perf_counter() - started,
    )


def _keep_untouched(config: Config, server: Server, base: Side, memory: Path, history: History) -> int:
    """Take over what was noted, on the schema of `base`, of tests that nothing which changed can touch."""
    noted = load_reference(memory)
    accepted = str(config.baseline.relative_to(config.root)) if config.baseline else ""
    if noted.files.get(accepted) != history.reference.files.get(accepted):
        tests = {name: test for name, test in noted.tests.items() if suite_of(name) != "matrix"}
        noted = replace(noted, tests=tests)
    if kept := find_untouched(config, base, server, noted).tests:
        history.reference = replace(noted, tests={test: noted.tests[test] for test in sorted(kept)})
    return len(kept)


def _add_drawn(
    named: Sequence[Mutant], options: Options, chosen: Sequence[Mutant], known: Mapping[str, MutantResult]
) -> list[Mutant]:
    """Mutants of two changes: those that were asked for by name, and those that are drawn."""
    killers = {one.id: known[one.id].by for one in chosen if one.id in known and known[one.id].is_killed}
    drawn = sample_pairs(chosen, killers, count=options.second_order, seed=options.seed)
    return list({mutant.id: mutant for mutant in (*named, *drawn)}.values())


def _find_stale(ignored: Collection[str], everything: Sequence[Mutant]) -> tuple[str, ...]:
    """Entries of the file of equivalent mutants that no mutant answers to."""
    pairs = find_pairs(everything, [name for name in ignored if is_pair(name)])
    return tuple(sorted(set(ignored) - {mutant.id for mutant in (*everything, *pairs)}))


def _remember(config: Config, server: Server, options: Options, memory: Path) -> History:
    """What earlier runs found, and those that are to be merged."""
    version = str(server.version)
    history = load_history(memory, key=fingerprint(config, server=version))
    history.reference.files = hash_files(config, server=version)
    if options.fresh:
        history.results.clear()
    for path in options.merge:
        unite(history, path)
    if options.merge:
        save_reference(memory, history)
        save_history(memory, history)
    return history


def plan(bench: Workbench, *, unchanged: Collection[Thing] = ()) -> tuple[Mutant, ...]:
    """All mutants of the project's schema and companions."""
    config = bench.config
    scripts = [read_script(path) for path in (*config.schema, *config.companions)]
    return plan_mutants(
        read_things(bench), places=find_definitions(scripts), unbound=unbound_roles(bench),
        unchanged=unchanged,
    )  # fmt: skip


def _is_settled(result: MutantResult | None) -> bool:
    return result is not None and result.status is not MutantStatus.UNJUDGED


def _result(mutant: Mutant, known: Mapping[str, MutantResult], ignored: Mapping[str, str]) -> MutantResult:
    if mutant.id in ignored:
        return MutantResult(id=mutant.id, status=MutantStatus.EQUIVALENT, reason=ignored[mutant.id])
    return known[mutant.id]
