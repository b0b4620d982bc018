"""What a write pours into places that others read: tables, one's own rows, channels that are public. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import Inventory, follow
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import ObjectKey
from pgassay.diff.canaries import Filled, fill, watch, write_own
from pgassay.diff.deeds import Deed, call, list_deeds
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import OF_WRITES, Neighbourhood, find_called, narrow, said_by
from pgassay.diff.platform_attempts import MESSAGES
from pgassay.diff.probes import SearchProbe, probe_scan
from pgassay.matrix.model import Action, CellKey, RowClass, Witness
from pgassay.matrix.rows import Sample
from pgassay.matrix.subject import make_subjects
from pgassay.observation import Persona

LISTENER = "anybody who listens"
"""To a channel of Realtime that is public: nobody has to be let in, and no policy is asked."""
_HEARD = (
    f'select topic, event, payload from {MESSAGES} where "private" is not true and pg_catalog.age(xmin) <= 0'
)
_DEEDS, _CALLS = 160, 24
_OF_EACH, _OF_ITS_OWN = 3, 24  # deeds that write to the same tables, or to no other than they say
_COLUMNS = 6
_OWN_WRITES = 64

Sift = Callable[[Sequence[Deed], Sequence[str]], Sequence[frozenset[str]]]
"""For each deed, in which of these tables HEAD then has rows that it wrote; none where it is refused."""


def find_listener(personas: Iterable[Persona], trusted: Collection[str], head: Inventory) -> Persona | None:
    """Whoever is not signed in, if there are channels at all."""
    if ObjectKey("relation", MESSAGES, "") not in head.objects:
        return None
    anybody = (one for one in personas if one.id is None and one.role not in trusted)
    return next((replace(one, name=LISTENER) for one in anybody), None)


@dataclass(frozen=True, kw_only=True)
class Flows:
    """Where functions are others: what is done, and who reads then what they feed.

    `listener`: whoever hears public channels, as the role that sees what is sent there; None for nobody.
    """

    samples: Sequence[Sample]
    personas: Sequence[Persona]
    base: Inventory
    head: Inventory
    sift: Sift
    listener: Persona | None = None

    def try_writes(self, around: Iterable[Neighbourhood]) -> Iterator[Experiment]:
        """Writes to each table of which functions are others."""
        for one in around:
            changes = tuple(change for change in one.changes if change.key.kind in OF_WRITES)
            if one.sample.table.stored and changes:
                yield from self._answer(changes, one.sample)
                narrowed = narrow(one, self.base, self.head)
                deeds = islice(list_deeds(narrowed, self.personas), _DEEDS)
                yield from self._pour(changes, tuple(deeds), own=one.sample.object)

    def _answer(self, changes: tuple[SchemaChange, ...], sample: Sample) -> Iterator[Experiment]:
        """What each user is told who writes his own rows."""
        subjects = make_subjects([sample], self.personas)
        attempts = tuple(islice((one for some in subjects for one in write_own(some)), _OWN_WRITES))
        if attempts and self._is_followed(sample.object, changes):
            yield Experiment(changes=changes, attempts=attempts)

    def try_calls(self, calls: Iterable[Experiment]) -> Iterator[Experiment]:
        """Calls of functions that are others, or that have to do with such."""
        for one in calls:
            yield from self._pour(one.changes, tuple(map(call, one.attempts[:_CALLS])))

    def _pour(
        self, changes: tuple[SchemaChange, ...], deeds: Sequence[Deed], *, own: str = ""
    ) -> Iterator[Experiment]:
        fed = self._find_fed(changes) | {own}
        near = [one for one in self.samples if one.object in fed]
        heard = fed & ({MESSAGES} if self.listener else set())
        tables = sorted({*heard, *(one.table.name for one in near if one.table.stored)})
        written: dict[frozenset[str], list[Deed]] = defaultdict(list)
        most = {frozenset({own}): _OF_ITS_OWN if self._is_followed(own, changes) else 0}
        for deed, names in zip(deeds, self.sift(deeds, tables) if tables else (), strict=False):
            if names and len(written[names]) < most.get(names, _OF_EACH):
                written[names].append(deed)
        words = find_literals(said_by(changes, self.head)).words
        fillings = tuple(islice(fill(near, words, empty=True), _COLUMNS))
        alone = [(one,) for one in fillings] if len(fillings) > 1 else []
        for filled in ((), *((fillings,) if fillings else ()), *alone):
            for names, some in written.items():
                readers = tuple(self._read(names))
                for deed in some if readers else ():
                    watching = tuple(watch(one, (*filled, *deed.filled)) for one in readers)
                    yield _make(changes, deed, filled, watching)

    def _is_followed(self, table: str, changes: Sequence[SchemaChange]) -> bool:
        """Whether what is another happens at writes to the table itself."""
        called = find_called(changes, self.base, self.head)
        followers = (
            said.get("function", "")
            for key, said in self.head.objects.items()
            if key.object == table and key.kind in ("trigger", "rule")
        )
        run = {name for one in followers for name in (one, *follow(self.head.needs, one))}
        return not run.isdisjoint(called) or any(one.key.object == table for one in changes)

    def _find_fed(self, changes: Sequence[SchemaChange]) -> frozenset[str]:
        """What functions that are others come to name."""
        called = find_called(changes, self.base, self.head)
        return frozenset(name for one in called for name in follow(self.head.needs, one))

    def _read(self, names: Collection[str]) -> Iterator[SearchProbe]:
        """What everybody reads of these tables, and of views of them, and hears."""
        for subject in make_subjects([one for one in self.samples if self._shows(one, names)], self.personas):
            for probe in probe_scan(subject):
                yield replace(probe, follows=True, reveals=True, bare=False)
        if self.listener and MESSAGES in names:
            key = CellKey(
                persona=LISTENER, object=MESSAGES, action=Action.SELECT, variant="-", rows=RowClass.ANY
            )
            witness = Witness(persona=self.listener, statement=_HEARD)
            yield SearchProbe(key=key, witness=witness, follows=True, reveals=True, is_public=True)

    def _shows(self, sample: Sample, names: Collection[str]) -> bool:
        """Whether one of the tables can be read there: it is that, or a view of it."""
        table = sample.table
        seen = self.head.reach(table.name) if table.kind in "vm" else {table.name}
        return table.reachable and not seen.isdisjoint(names)


def _make(
    changes: tuple[SchemaChange, ...],
    deed: Deed,
    filled: Sequence[Filled],
    readers: tuple[SearchProbe, ...],
) -> Experiment:
    return Experiment(
        changes=changes,
        attempts=readers,
        setup=(*(text for one in filled for text in one.setup), *deed.statements),
        given=" and ".join([*map(str, filled), deed.given]),
    )
