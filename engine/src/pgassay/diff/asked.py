"""What tables, views and functions ask otherwise in HEAD, and what a solution lets somebody try. Pure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.literals import Literals, find_literals
from pgassay.catalog.model import Function
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import CallRight, Table
from pgassay.diff.calls import POLYMORPHIC, find_near, probe_call, repeated, spell_argument
from pgassay.diff.conditions import Contrast, TwoSchemas
from pgassay.diff.confirmation import SETTING
from pgassay.diff.experiments import (
    Experiment,
    SearchProbe,
    bodies,
    is_unique,
    probe_blanket,
    probe_insert,
    probe_reads,
    probe_scan,
    probe_update,
    probe_writes,
)
from pgassay.diff.queries import Departure, contrast, read_function, read_query
from pgassay.diff.variations import boasting
from pgassay.matrix import statements
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona
from pgassay.solver.asking import merged
from pgassay.solver.model import Condition, Reached, Source
from pgassay.solver.schema import Schema
from pgassay.solver.scope import write
from pgassay.solver.signatures import Parameter, read_arguments

_LONGEST = 60  # characters of a value that are told
_ROWS = 4  # that a persona tries to change


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Both schemas, the rows that both have, and BASE's functions that HEAD has otherwise."""

    schemas: TwoSchemas
    changes: Sequence[SchemaChange]
    samples: Sequence[Sample]
    schema: Schema
    former: Sequence[Function]
    rights: Sequence[CallRight]

    def near(self, name: str) -> tuple[SchemaChange, ...]:
        """The changes of what an object uses on one of the sides."""
        reach = self.reach(name)
        return tuple(change for change in self.changes if change.key.object in reach)

    def may_refuse(self, change: SchemaChange) -> bool:
        """Whether it is about what refuses a row, whoever writes it."""
        sides = (self.schemas.before, self.schemas.after)
        return change.key.kind == "constraint" or is_unique(change, *sides)

    def texts(self, name: str) -> tuple[str, ...]:
        """The bodies of the functions that it uses."""
        sides = (self.schemas.before, self.schemas.after)
        return tuple(dict.fromkeys(text for side in sides for text in bodies(self.reach(name), side)))

    def reach(self, name: str) -> frozenset[str]:
        """What an object uses on one of the sides."""
        return self.schemas.before.reach(name) | self.schemas.after.reach(name)


@dataclass(frozen=True, kw_only=True)
class Asked(ABC):
    """A condition that is true where HEAD lets `roles` do what BASE did not; `former`: BASE's part of it.

    `texts`: the bodies of functions that it may call.
    """

    condition: Condition
    changes: tuple[SchemaChange, ...]
    roles: tuple[str, ...]
    texts: tuple[str, ...]
    former: str = ""

    @property
    def action(self) -> Action:
        """What it lets them do."""
        return Action.SELECT

    @property
    def object(self) -> str:
        """What they do it to."""
        return self.condition.table or self.condition.name

    @property
    def unwritten(self) -> bool:
        """Whether it is asked of a row that is not there yet."""
        return False

    def experiment(self, persona: Persona, reached: Reached) -> Experiment:
        """What to try once there is what was reached."""
        literals = find_literals([self.condition.text, *self.texts])
        with_claims = replace(persona, claims=merged(persona.claims, reached.claims))
        asking = boasting(with_claims, literals)
        return Experiment(
            changes=self.changes,
            attempts=tuple(self.probe(asking, reached, literals)),
            setup=(*self.prepare(reached), *_set(reached)),
            given=_describe(reached, literals, asking.claims if reached.claims else {}),
        )

    def prepare(self, reached: Reached) -> tuple[str, ...]:
        """What the owner does before."""
        return reached.statements

    @abstractmethod
    def probe(self, persona: Persona, reached: Reached, literals: Literals) -> Iterator[SearchProbe]:
        """The statements of the persona."""

    def __str__(self) -> str:
        return self.condition.name


@dataclass(frozen=True, kw_only=True)
class AskedRow(Asked):
    """Of a row that is there, or that shall be written."""

    contrast: Contrast
    sample: Sample

    @property
    def action(self) -> Action:
        return self.contrast.action

    @property
    def unwritten(self) -> bool:
        return self.action is Action.INSERT

    @property
    def _is_written(self) -> bool:
        return self.contrast.clause == "with check"

    def prepare(self, reached: Reached) -> tuple[str, ...]:
        """Not the row that the persona itself shall write; one that was there before goes."""
        row = reached.row
        if not self._is_written or row is None:
            return reached.statements
        own = tuple(f"{verb} {row.table} " for verb in ("insert into", "update", "alter table"))
        others = tuple(
            text
            for made in reached.made
            for text in made.statements
            if made.purpose != row.purpose or not text.startswith(own)
        )
        if not self.unwritten or any(text.startswith(own[0]) for text in row.statements):
            return others
        key = tuple(row.values.get(name) for name in self.sample.key)
        where = statements.condition(self.sample.key, key)
        return (*others, f"delete from {row.table} where {where}")

    def probe(self, persona: Persona, reached: Reached, literals: Literals) -> Iterator[SearchProbe]:
        assert reached.row, "there is a row"
        values, action = reached.row.values, self.contrast.action
        key = tuple(values.get(name) for name in self.sample.key)
        row = Row(key=key, owners=frozenset(), state={}, values=values, changed=values)
        # As the row of a table whose rows are nobody's: it stays whose it is.
        ownership = None if self._is_written else self.sample.ownership
        [subject] = make_subjects([replace(self.sample, rows=(row,), ownership=ownership)], [persona])
        if action is Action.SELECT:
            yield from probe_reads(subject)
        elif action is Action.INSERT:
            yield from probe_insert(subject)
        elif not self._is_written:
            probes = (*probe_writes(subject, [row]), *probe_blanket(subject))
            yield from (one for one in probes if one.key.action is action)
        else:
            yield from self._updates(subject, values, literals)

    def _updates(
        self, subject: Subject, values: Mapping[str, str | None], literals: Literals
    ) -> Iterator[SearchProbe]:
        """Rows that are there get the values that the condition is about."""
        held = subject.privileges.update & subject.table.updatable & literals.words
        changed = {name: value for name, value in values.items() if name in held}
        sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in changed.items())
        for row in self.sample.rows[:_ROWS] if changed else ():
            where = statements.condition(self.sample.key, row.key)
            yield probe_update(subject, changed, f"update {subject.table.name} set {sets} where {where}")


def find_tables(scene: Scene, personas: Sequence[Persona]) -> Iterator[AskedRow]:
    """Policies and checks of tables, for the roles of the personas."""
    samples: dict[str, Sample] = {}
    for sample in scene.samples:
        samples.setdefault(sample.table.name, sample)
    for one in scene.schemas.contrasts(scene.changes, [persona.role for persona in personas]):
        if one.table in samples:
            yield AskedRow(
                condition=Condition(
                    text=one.opened,
                    source=Source.CHECK if one.clause == "with check" else Source.USING,
                    table=one.table,
                    name=str(one),
                ),
                changes=one.changes,
                roles=(one.role,),
                texts=scene.texts(one.table),
                former=one.base,
                contrast=one,
                sample=samples[one.table],
            )


@dataclass(frozen=True, kw_only=True)
class AskedView(Asked):
    """Of the rows of a view."""

    sample: Sample

    def probe(self, persona: Persona, *_: object) -> Iterator[SearchProbe]:
        [subject] = make_subjects([self.sample], [persona])
        yield from (replace(one, bare=False) for one in probe_scan(subject))


def find_views(scene: Scene) -> Iterator[AskedView]:
    """Views of the API that both sides have."""
    for sample in scene.samples:
        table, before = sample.table, scene.schemas.base.get(sample.table.name)
        if table.kind not in "vm" or not table.reachable or before is None:
            continue
        former = scene.schemas.former.rename(before.definition or "")
        privileges = table.privileges.items()
        for departure in contrast(read_query(former), read_query(table.definition or "")):
            yield AskedView(
                condition=Condition(
                    text=departure.text,
                    source=Source.VIEW,
                    name=table.name,
                    asks="" if table.invoker else table.owner,
                ),
                changes=scene.near(table.name),
                roles=tuple(role for role, held in privileges if held.select and held.usage),
                texts=scene.texts(table.name),
                sample=sample,
            )


@dataclass(frozen=True, kw_only=True)
class AskedFunction(Asked):
    """Of the rows that a function looks for, and of its arguments.

    `widens`: it then answers with a row that BASE leaves out. Not where it says yes or no: who knows to what.
    `near`: the tables that it may write; then it is called twice, too.
    """

    parameters: tuple[Parameter, ...]
    widens: bool
    near: tuple[Table, ...]

    @property
    def action(self) -> Action:
        return Action.EXECUTE

    def probe(self, persona: Persona, reached: Reached, _: object) -> Iterator[SearchProbe]:
        given = [_argument(number, one, reached, persona) for number, one in enumerate(self.parameters, 1)]
        call = probe_call(self.condition.name, ", ".join(given), persona, self.near)
        # Where it finds what is the caller's own, BASE may have found what is not.
        is_own = any(persona.id in made.values.values() for made in reached.made if persona.id)
        yield replace(call, widens=self.widens and not is_own, reveals=True, is_own=is_own)
        if self.near:
            yield repeated(call)


def _argument(number: int, one: Parameter, reached: Reached, persona: Persona) -> str:
    """What was solved; else the default, or the caller's own id."""
    name = one.name or f"${number}"
    if name in reached.arguments:
        text = literal(reached.arguments[name])
    elif one.default is not None:
        text = write(one.default)
    else:
        text = literal(persona.id if one.type == "uuid" else None)
    return spell_argument(text, one)


def find_functions(scene: Scene) -> Iterator[AskedFunction]:
    """Functions of the API: whose bodies, or those of functions that they call, are others.

    And those that name a table which may no longer refuse what is written twice.
    """
    before = {one.function: one for one in scene.former}
    rename = scene.schemas.former.rename
    for function in scene.schema.catalog.of(Function):
        roles = tuple(
            one.role
            for one in scene.rights
            if one.object == function.function and one.privilege == "execute" and one.held and one.usage
        )
        parameters, old = read_arguments(function.arguments), before.get(function.function)
        if not roles or parameters is None:
            continue
        new = read_function(function, scene.schema)
        if old is not None:
            former = replace(old, body=rename(old.body))
            departures = tuple(contrast(read_function(former, scene.schema), new))
        elif any(map(scene.may_refuse, scene.near(function.function))):
            departures = tuple(contrast((), new)) or (Departure("true"),)
        else:
            continue
        for departure in departures:
            yield AskedFunction(
                condition=Condition(
                    text=departure.text,
                    source=Source.WHERE,
                    name=function.function,
                    asks=function.owner if function.definer else "",
                    parameters=tuple(
                        (one.name or f"${n}", POLYMORPHIC.get(one.type, one.type))
                        for n, one in enumerate(parameters, 1)
                    ),
                ),
                changes=scene.near(function.function),
                roles=roles,
                texts=scene.texts(function.function),
                parameters=parameters,
                widens=old is not None and departure.widens and function.result != "boolean",
                near=find_near(scene.samples, scene.reach(function.function)),
            )


def _set(reached: Reached) -> Iterator[str]:
    """The settings of the request."""
    for name, value in reached.settings.items():
        yield f"{SETTING}{literal(name)}, {literal(value)}, true)"


def _describe(reached: Reached, literals: Literals, claims: Mapping[str, Any]) -> str:
    """What there has to be, in words."""
    parts = [f"the claims {json.dumps(dict(claims))}"] if claims else []
    parts += [f"{name} = {literal(value)}" for name, value in reached.settings.items()]
    for made in reached.made:
        told = [f"{name} = {_shorten(made.values[name])}" for name in made.values if name in literals.words]
        values = " and ".join(told)
        parts.append(f"a row of {made.table}{f' with {values}' if values else ''}")
    return ", ".join(dict.fromkeys(parts))


def _shorten(value: str | None) -> str:
    """A value as SQL; of a long one how it begins, and its length."""
    if value is None or len(value) <= _LONGEST:
        return literal(value)
    return f"{literal(value[:_LONGEST])}… ({len(value)} characters)"
