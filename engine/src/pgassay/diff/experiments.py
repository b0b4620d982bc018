"""What to try around a change that opened nothing in the world at hand. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile, zip_longest

from pgassay.catalog.compare import SchemaChange
from pgassay.diff.neighbourhoods import Neighbourhood
from pgassay.diff.probes import (
    SearchProbe,
    probe_blanket,
    probe_invented,
    probe_reads,
    probe_scan,
    probe_varied_insert,
    probe_varied_update,
    probe_writes,
)
from pgassay.diff.variations import Variation, boasting, vary_claims, vary_rows, vary_texts
from pgassay.diff.volatile import Opening
from pgassay.matrix.model import Action
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

# What a row needs that the owner has to make takes ten times as long: both get their turn.
_MADE_AT_ONCE = 64
_GIVEN_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What the owner does first, also in words, and what is then tried because of these changes.

    `former`: what he does in BASE, where that is something else. `openings`: what of the condition only the
    clock or chance lets through; then nothing is tried.
    """

    changes: tuple[SchemaChange, ...]
    attempts: tuple[SearchProbe, ...]
    setup: tuple[str, ...] = ()
    given: str = ""
    former: tuple[str, ...] | None = None
    openings: tuple[Opening, ...] = ()


def make_experiments(around: Neighbourhood, personas: Sequence[Persona]) -> Iterator[Experiment]:
    """Other claims, then other rows, for everybody whom the changes can concern."""
    ids = [persona.id for persona in personas if persona.id is not None]
    people = [boasting(one, around.literals) for one in personas]
    subjects = make_subjects([around.sample], people)
    concerned = [s for s in subjects if s.privileges.filtered or not around.policies_only]
    is_view = around.sample.table.kind in "vm"  # as many rows may say more
    scans = (scan for subject in concerned for scan in probe_scan(subject))
    yield from _experiment(around, (replace(scan, reveals=is_view) for scan in scans))
    yield from _experiment(around, (probe for subject in concerned for probe in probe_blanket(subject)))
    if not around.sample.rows:
        yield from _experiment(
            around, (probe for subject in concerned for probe in probe_invented(subject, ids))
        )
    claimed = _claimed(around, concerned)
    made, given = _made(around, concerned, ids), _given(around, concerned, ids)
    while some := [*islice(claimed, 1), *islice(made, 1), *islice(given, _GIVEN_AT_ONCE)]:
        yield from some


def _experiment(
    around: Neighbourhood, probes: Iterable[SearchProbe], *, setup: tuple[str, ...] = (), given: str = ""
) -> Iterator[Experiment]:
    """One with those of the probes that can be meant, if there are any."""
    meant = tuple(probe for probe in probes if probe.key.action in around.actions)
    if meant:
        yield Experiment(changes=around.changes, attempts=meant, setup=setup, given=given)


def _claimed(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[Experiment]:
    """What the personas do with other claims, many at once."""
    probes = (probe for probe in _with_other_claims(around, subjects) if probe.key.action in around.actions)
    while some := tuple(islice(probes, _MADE_AT_ONCE)):
        yield from _experiment(around, some)


def _with_other_claims(around: Neighbourhood, subjects: Sequence[Subject]) -> Iterator[SearchProbe]:
    for subject in subjects:
        for persona in vary_claims(subject.persona, around.literals):
            other, given = replace(subject, persona=persona), f"the claims {json.dumps(dict(persona.claims))}"
            for probe in (*probe_reads(other), *probe_writes(other, around.sample.rows)):
                yield replace(probe, given=given)


def _made(around: Neighbourhood, subjects: Sequence[Subject], ids: Sequence[str]) -> Iterator[Experiment]:
    """Variations that the personas themselves write, many at once."""
    held = frozenset(name for one in subjects for name in one.privileges.insert | one.privileges.update)
    sample = around.sample
    writable = replace(sample, columns=tuple(one for one in sample.columns if one.name in held))
    own = (
        (variation, subject)
        for variation in vary_texts(writable, around.literals)
        for subject in subjects
        if subject.persona.id in variation.row.owners
    )
    every = (
        (variation, subject)
        for variation in vary_rows(writable, around.literals, ids, around.marked)
        for subject in subjects
    )
    probes = (
        probe
        for variation, subject in chain(own, every)
        for probe in (*probe_varied_insert(subject, variation), *probe_varied_update(subject, variation))
        if probe.key.action in around.actions
    )
    while some := tuple(islice(probes, _MADE_AT_ONCE)):
        yield from _experiment(around, some)


def _given(around: Neighbourhood, subjects: Sequence[Subject], ids: Sequence[str]) -> Iterator[Experiment]:
    """Variations that the owner has made before: each by itself."""
    if around.actions <= {Action.INSERT}:  # nothing is tried that can be meant
        return
    for variation in _vary(around, ids):
        own = variation.sample.object == around.sample.object
        rows = (variation.varied,) if own else around.sample.rows[:2]
        probes = (probe for s in subjects for probe in (*probe_reads(s), *probe_writes(s, rows)))
        yield from _experiment(around, probes, setup=variation.setup, given=str(variation))


def _vary(around: Neighbourhood, ids: Sequence[str]) -> Iterator[Variation]:
    """Those of columns that the change names, of whatever table; then of all tables in turn."""

    def is_named(one: Variation) -> bool:
        return one.values.keys() <= around.marked

    near, far = (
        [vary_rows(sample, around.literals, ids, around.marked) for sample in around.varied] for _ in range(2)
    )
    yield from (one for some in near for one in takewhile(is_named, some))
    yield from (one for some in zip_longest(*far) for one in some if one and not is_named(one))
