"""Search around a change for what the world at hand does not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.tables import Surface
from pgassay.diff.calls import CallContext, make_calls
from pgassay.diff.canaries import try_canaries
from pgassay.diff.contrasts import Deed, try_conditions
from pgassay.diff.difference import AccessChange
from pgassay.diff.elsewhere import try_elsewhere
from pgassay.diff.experiments import Experiment, make_experiments
from pgassay.diff.fitted_calls import fit_calls
from pgassay.diff.flows import Flows, find_listener
from pgassay.diff.judgement import Judge
from pgassay.diff.kept import try_kept
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.neighbourhoods import Neighbourhood, find_neighbourhoods
from pgassay.diff.platform_attempts import try_platform
from pgassay.diff.secrets import find_secrets
from pgassay.diff.shared_rows import find_drawn, find_shared
from pgassay.diff.solving import Solving
from pgassay.diff.telling import tell
from pgassay.diff.through_views import try_views
from pgassay.diff.trying import Hit, Trying
from pgassay.diff.weights import Scales, find_listed
from pgassay.diff.writes import try_writes
from pgassay.matrix.rows import Sample, read_samples
from pgassay.observation import Persona

_FOREIGN = "FOREIGN KEY"
_OF_THE_NEAREST = 4  # experiments, before others have their turn
_POURED = 2  # which part of the budget comes on top of it
_OTHERS = 3  # experiments after the last with which somebody does the same


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """How many statements were tried in both schemas, and what HEAD lets do more than BASE.

    `conditions`: those that differ; `unsolved`: of which of them it is not known, and why. `notes`: what
    could not be searched, and why.
    """

    tried: int = 0
    found: tuple[AccessChange, ...] = ()
    conditions: int = 0
    unsolved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def explore(  # noqa: PLR0913 - by name
    base: LoadedSide,
    head: LoadedSide,
    changes: Sequence[SchemaChange],
    *,
    told: Sequence[AccessChange],
    is_over: bool,
    budget: int,
) -> SearchResult:
    """Try the same statements on both sides until `budget` is spent.

    First the conditions that differ, but for what was `told`; then, unless something was found or the search
    `is_over` by then, what nobody can solve, until one is let through in HEAD only.
    The same in every run: an attempt costs one, and each statement with which the owner prepares it three.
    """
    surface, theirs = head.surface, base.surface
    ours = _samples(head, surface)
    before = _samples(base, theirs)
    samples = find_shared(before, ours)
    around = find_neighbourhoods(changes, samples, base=base.inventory, head=head.inventory)
    stored = [table for table in surface.tables.values() if table.truncatable]
    read = ((base.session, theirs.tables.values()), (head.session, stored))
    trusted = _find_trusted(head)
    listener = find_listener(head.personas, trusted, head.inventory)
    people = (*head.personas, *filter(None, [listener]))
    secrets = find_secrets(read, samples, people, head.inventory)
    judge = Judge(tables=theirs.by_name, trusted=trusted, secrets=secrets)
    keys = {key for key, said in base.inventory.objects.items() if _FOREIGN in said.get("definition", "")}
    with ThreadPoolExecutor(2) as pool:
        trying = Trying(
            base=base.session,
            head=head.session,
            pool=pool,
            judge=judge,
            keys=keys,
            counted=theirs.counted & surface.counted,
            scales=_find_scales(base, head, theirs, surface),
            drawn=dict(find_drawn(before, ours)),
            indexes=dict(_find_indexes(surface)),
        )
        solving = Solving(base, head, changes)
        solved = try_conditions(
            solving, trying, samples, head.personas, told=frozenset(_find_deeds(told)), budget=budget // 2
        )
        found = solved.found
        if not found and not is_over:
            context = CallContext(
                surface=surface,
                samples=samples,
                base=base.inventory,
                head=head.inventory,
                scales=trying.scales,
            )
            platform = try_platform(changes, ours, head.personas, base=base.inventory, head=head.inventory)
            calls = chain(platform, make_calls(changes, context, head.personas))
            writes = try_writes(around, head.personas, base.inventory, head.inventory)
            flows = Flows(
                samples=samples,
                personas=head.personas,
                base=base.inventory,
                head=head.inventory,
                sift=trying.find_written,
                listener=listener and replace(listener, role=head.session.connection.info.user),
            )
            weighed = try_elsewhere(
                around,
                samples,
                head.personas,
                base=base.inventory,
                head=head.inventory,
                scales=trying.scales,
                make=solving.make,
                sift=trying.sift,
            )
            kept = try_kept(around, head.personas, base=base.inventory, head=head.inventory)
            fitted, done = (fit_calls(changes, context, head.personas) for _ in range(2))
            spent = trying.spent
            through = try_views(
                around, samples, head.personas, base=base.inventory, head=head.inventory, scales=trying.scales
            )
            poured = chain(flows.try_writes(around), flows.try_calls(done))
            empty, filled = (
                try_canaries(around, changes, context, head.personas, empty=empty) for empty in (True, False)
            )
            turns = _alternate(writes, _take_turns(around, calls, head.personas))
            experiments = chain(weighed, kept, _alternate(chain(empty, fitted, filled), turns))
            # What is poured elsewhere has a share of its own, so that nothing else goes short of it.
            found = _find_first(trying, chain(through, poured), budget=trying.spent + budget // _POURED)
            rest = budget - solving.spent + trying.spent - spent
            found = found or _find_first(trying, experiments, budget=rest)
    return SearchResult(
        tried=trying.tried,
        found=found,
        conditions=solved.conditions,
        unsolved=solved.unsolved,
        notes=tuple(_skipped(ours, around)),
    )


def _find_scales(base: LoadedSide, head: LoadedSide, theirs: Surface, ours: Surface) -> Scales:
    """The tables that hold the same on both sides, as far as every load gives it to them."""
    listed = find_listed(head.inventory)
    both = [table for table in ours.by_name.values() if table.stored and table.name in theirs.by_name]
    scales = Scales(tables=tuple(both), listed=listed)
    weights = []
    for side in (base, head):
        with side.session.undone(), side.session.as_owner():
            rows = [
                tuple(row.values())
                for row in side.session.attempt(scales.weigh() or "select 1 where false").rows
            ]
            weights.append(frozenset(rows))
    return scales.only({str(name) for name, _ in weights[0] & weights[1]})


def _find_indexes(surface: Surface) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    """By name, each unique index with its table and those of its columns that may hold somebody's id."""
    for table in surface.by_name.values():
        for index in table.unique if table.stored else ():
            uuids = tuple(name for name in index.columns if table.columns[name].base == "uuid")
            yield index.name, (table.name, uuids)


def _find_deeds(told: Iterable[AccessChange]) -> Iterator[Deed]:
    return ((cell.table, cell.action, cell.persona) for change in told for cell in change.cells)


def _find_first(
    trying: Trying, experiments: Iterable[Experiment], *, budget: int
) -> tuple[AccessChange, ...]:
    found: dict[str, Hit] = {}
    others = 0
    for experiment in experiments:
        if trying.spent >= budget or others > _OTHERS:
            break
        hits = trying.find(experiment)
        # Who does the same follows soon.
        same = {name: hit for name, hit in hits.items() if name not in found and _are_alike(hit, found)}
        others += bool(found and not same)
        found |= same
    if found:
        return (next(iter(found.values())).tell(tuple(found)),)
    if crossing := trying.judge.find_crossing():
        return (tell(*crossing),)
    return ()


def _are_alike(hit: Hit, found: Mapping[str, Hit]) -> bool:
    return all(hit.kind == other.kind for other in found.values())


def _find_trusted(head: LoadedSide) -> frozenset[str]:
    """The roles that no policy binds."""
    roles = head.inventory.roles.items()
    return frozenset(
        key.name for key, said in roles if "true" in (said.get("bypassrls"), said.get("superuser"))
    )


def _take_turns(
    around: Sequence[Neighbourhood], calls: Iterator[Experiment], personas: Sequence[Persona]
) -> Iterator[Experiment]:
    """Of all objects in turn, so that none waits for the end of another's variations; most of the nearest."""
    nearest = min((one.steps for one in around), default=0)
    turns = [
        _batch(make_experiments(one, personas), _OF_THE_NEAREST if one.steps == nearest else 1)
        for one in around
    ]
    in_turn = zip_longest(*turns, _batch(calls, 1), fillvalue=())
    return (experiment for some in in_turn for experiments in some for experiment in experiments)


def _alternate(one: Iterator[Experiment], other: Iterator[Experiment]) -> Iterator[Experiment]:
    """Of both in turn, so that neither spends all that the other needs."""
    for some in zip_longest(one, other):
        yield from filter(None, some)


def _batch(experiments: Iterator[Experiment], size: int) -> Iterator[tuple[Experiment, ...]]:
    while some := tuple(islice(experiments, size)):
        yield some


def _samples(side: LoadedSide, surface: Surface) -> tuple[Sample, ...]:
    ids = [persona.id for persona in side.personas if persona.id is not None]
    return read_samples(side.session, surface, ids=ids, overrides=side.overrides, hidden=True)


def _skipped(ours: Iterable[Sample], around: Iterable[Neighbourhood]) -> Iterator[str]:
    """What was not searched, and why."""
    empty = {one.sample.object for one in around if not one.sample.rows and one.sample.table.truncatable}
    for sample in ours:
        if sample.object in empty:
            why = (
                "every load draws their keys anew. Give them in the world"
                if sample.rows
                else "there are none"
            )
            yield f"{sample.object} was searched without its rows: {why}."
