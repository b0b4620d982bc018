"""Priced: a buyer says himself what something costs, and the price that stands beside it is not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.purses import Purse, find_purses
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.words import is_amount, is_price
from pgassay.audit.writes import Write, insert_of, make_room, own_inserts, owner_columns, with_value
from pgassay.catalog.model import Column, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS, condition
from pgassay.observation import Persona

RULE = "priced"
_LESS, _MORE = 3, 7
_ELSE = "1000003"
_FEW = 6


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """A row of something that has a price, which the buyer may not change."""

    sample: Sample
    row: Row
    column: Column

    @property
    def named(self) -> str:
        return condition(self.sample.key, self.row.key)

    @property
    def dearer(self) -> str:
        return f"update {self.sample.table.name} set {self.column.quoted} = {_ELSE} where {self.named}"


@dataclass(frozen=True, kw_only=True)
class _Purchase:
    """The same statement with a smaller and with a larger amount; `column` is where an INSERT says it."""

    object: str
    offer: _Offer
    statements: tuple[str, str]
    told: str
    about: tuple[ObjectKey, ...]
    setup: tuple[str, ...] = ()
    column: str = ""
    write: Write | None = None


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each function and table through which something is bought."""
    done: set[str] = set()
    for persona in scene.users:
        offers = list(_offers(scene, persona))
        for purchase in (*_calls(scene, persona, offers), *_inserts(scene, persona, offers)):
            if purchase.object not in done and (found := _try(scene, persona, purchase)):
                done.add(purchase.object)
                yield found


def _offers(scene: Scene, persona: Persona) -> Iterator[_Offer]:
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or sample.object != table.name or not sample.key:
            continue
        fixed = {*sample.key, *(name for key in table.foreign_keys for name in key.columns)}
        rows = [row for row in sample.rows if persona.id not in row.owners][:_FEW]
        for column in table.columns.values():
            is_plain = column.base in NUMBERS and column.name not in fixed and not column.generated
            if is_plain and is_price(column):
                yield from (_Offer(sample=sample, row=row, column=column) for row in rows)


def _calls(scene: Scene, persona: Persona, offers: Sequence[_Offer]) -> Iterator[_Purchase]:
    """Of functions that are told which row, and a number besides."""
    for function in callable_by(scene, persona) if offers else ():
        if function.volatility != "v" or set(function.types).isdisjoint(NUMBERS):
            continue
        used = {sample.object for sample in samples_of(scene, function)}
        named = {
            offer.row.values[name]: offer
            for offer in offers
            for name in _names(offer.sample)
            if offer.sample.object in used or not used & {o.sample.object for o in offers}
        }
        for some in islice(_naming(argument_lists(scene, function), named), _FEW):
            for place, type_ in enumerate(function.types):
                offer = next((named[a] for n, a in enumerate(some) if a in named and n != place), None)
                if type_ in NUMBERS and offer:
                    pair = [
                        Call(
                            function=function,
                            persona=persona,
                            arguments=(*some[:place], str(n), *some[place + 1 :]),
                        ).statement
                        for n in (_LESS, _MORE)
                    ]
                    yield _Purchase(
                        object=function.function,
                        offer=offer,
                        statements=(pair[0], pair[1]),
                        told=f"calls {function.function} with {_MORE} as argument {place + 1}",
                        about=(ObjectKey(kind="function", object=function.function, name=""),),
                    )


def _names(sample: Sample) -> set[str]:
    return {index.columns[0] for index in sample.table.unique if len(index.columns) == 1}


def _naming(
    lists: Sequence[tuple[str | None, ...]], named: dict[str | None, _Offer]
) -> Iterator[tuple[str | None, ...]]:
    return (some for some in lists if any(a in named for a in some if a))


def _inserts(scene: Scene, persona: Persona, offers: Sequence[_Offer]) -> Iterator[_Purchase]:
    """Of rows of the persona's own that refer to one with a price, which buyers see, and have an amount."""
    seen = measure_seen(scene, persona, {one.sample.table.name for one in offers}).seen if offers else {}
    offers = [one for one in offers if one.row.key in seen.get(one.sample.object, ())]
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or sample.object != table.name or not table.secured:
            continue
        policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
        about = (*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name=""))
        for write, offer in islice(_referring(sample, persona, offers), _FEW):
            for column in _amounts(sample, persona):
                pair = [with_value(write, column.name, str(n)) for n in (_LESS, _MORE)]
                for setup in ((), (make_room(sample, persona),)):
                    yield _Purchase(
                        object=sample.object,
                        offer=offer,
                        statements=(pair[0].statement, pair[1].statement),
                        told=f"inserts a row of {persona.name}'s own into {table.name} with "
                        f"{column.name} = {_MORE}",
                        about=about,
                        setup=setup,
                        column=column.name,
                        write=pair[1],
                    )


def _referring(sample: Sample, persona: Persona, offers: Sequence[_Offer]) -> Iterator[tuple[Write, _Offer]]:
    for key in sample.table.foreign_keys:
        if len(key.columns) != 1 or key.columns[0] in owner_columns(sample):
            continue
        for offer in offers:
            if offer.sample.table.name == key.target and sample.rows:
                given = {key.columns[0]: offer.row.values[key.target_columns[0]]}
                for row in [write.row for write in own_inserts(sample, persona)][:2]:
                    if write := insert_of(sample, persona, row, **given):
                        yield write, offer


def _amounts(sample: Sample, persona: Persona) -> list[Column]:
    held = sample.table.privileges[persona.role].insert
    return [
        c
        for c in sample.table.columns.values()
        if c.base in NUMBERS and c.name in held and not c.generated and (is_amount(c) or is_price(c))
    ]


def _try(scene: Scene, persona: Persona, purchase: _Purchase) -> Finding | None:
    """Whether what is paid goes with what the buyer says, and stays as it is where the price is another."""
    samples = [sample for sample in scene.samples if sample.object != purchase.object]
    for purse in find_purses(scene, persona, samples):
        setup = (*purchase.setup, *purse.setup(scene.users))
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            less, more = _paid(scene, persona, purse, purchase)
            goes = bool(less and more) and less * _MORE == more * _LESS
            if not goes or not run(scene.session, None, purchase.offer.dearer):
                continue
            same = _paid(scene, persona, purse, purchase) == (less, more)
        if same:
            left = purse.look(persona, f" and t.{purse.column.quoted} = {purse.enough - more:.15g}")
            return _tell(
                scene, persona, purchase, setup=setup, look=left, what=f"{purse.told(persona)} falls with it"
            )
    return _written(scene, persona, purchase) if purchase.write else None


def _paid(scene: Scene, persona: Persona, purse: Purse, purchase: _Purchase) -> tuple[float, ...]:
    """How much less is in the purse after each of its statements."""
    look = purse.look(persona)
    answers = scene.ask(persona, [[text, AS_OWNER, look] for text in purchase.statements])
    return tuple(
        0.0 if a.sqlstate or not a.rows[2] else purse.enough - float(a.rows[2][0][0] or 0) for a in answers
    )


def _written(scene: Scene, persona: Persona, purchase: _Purchase) -> Finding | None:
    """Whether the row says what its buyer says, whatever the price is."""
    write = purchase.write
    if write is None:
        return None
    look = f"select 1 from {write.sample.table.name} as t where {write.written}"
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in (*purchase.setup, purchase.offer.dearer)):
            return None
        answers = scene.ask(persona, [[text, AS_OWNER, look] for text in purchase.statements])
    if any(a.sqlstate or not a.counts[0] for a in answers) or not answers[1].rows[2]:
        return None
    return _tell(scene, persona, purchase, setup=purchase.setup, look=look, what="it says so")


def _tell(  # noqa: PLR0913 - what was bought, how, and what shows it
    scene: Scene, persona: Persona, purchase: _Purchase, *, setup: Sequence[str], look: str, what: str
) -> Finding:
    offer = purchase.offer
    steps: Steps = (
        *(Step(statement=text) for text in (*setup, offer.dearer)),
        Step(who=persona, statement=purchase.statements[1]),
        Step(statement=look, shows=ROWS),
    )
    table = offer.sample.table.name
    return Finding(
        rule=RULE,
        object=purchase.object,
        columns=(purchase.column,) if purchase.column else (),
        actions=("insert" if purchase.write else "execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name} {purchase.told} for a row of {table} whose {offer.column.name} is {_ELSE}, "
        f"and {what}: the caller says what it costs.",
        steps=steps,
        cause=f"priced {purchase.object}",
        weight=1,
        about=purchase.about,
        candidates=tuple(_repairs(persona, purchase)),
    )


def _repairs(persona: Persona, purchase: _Purchase) -> Iterator[tuple[str, ...]]:
    """The policy compares with the price."""
    write, offer = purchase.write, purchase.offer
    for key in write.sample.table.foreign_keys if write else ():
        if write and key.target == offer.sample.table.name and len(key.columns) == 1:
            table = write.sample.table
            price = (
                f"select p.{offer.column.quoted} from {key.target} as p "
                f"where p.{quoted(key.target_columns[0])} = {quoted(table.relation)}.{quoted(key.columns[0])}"
            )
            same = f"{quoted(purchase.column)} = ({price})"
            policies = [p for p in table.privileges[persona.role].policies if p.command in ("insert", "all")]
            yield tuple(
                f"alter policy {p.quoted} on {p.table} with check (({p.check or p.using}) and {same})"
                for p in policies
                if p.permissive
            )
