"""Expired: a row whose time is over opens what it opened before, and nothing asks for its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.changing import find_changed, opened_by
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.prepared import deciding_words
from pgassay.audit.reach import Reach, measure_seen
from pgassay.audit.rules.expired.anew import Anew, find_anew
from pgassay.audit.rules.expired.early import Early, find_early
from pgassay.audit.rules.expired.late import changed_late
from pgassay.audit.rules.expired.paid_late import asks_for, paid_late
from pgassay.audit.rules.expired.terms import Term, find_revocations, find_terms
from pgassay.audit.rules.expired.told_late import told_late
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.words import anyone, is_withdrawal
from pgassay.audit.writes import given_row, inserts_elsewhere, own_inserts, owner_columns
from pgassay.catalog.model import Function, ObjectKey
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, condition
from pgassay.observation import Persona

RULE = "expired"
_CALLS = 12


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each table whose rows are opened, for each function, for each table written late.

    And for each whose rows strangers read before their time, or users begin anew.
    """
    done: set[str] = set()
    for term in find_terms(scene):
        every = (
            *(_opened(scene, term), _accepted(scene, term), _late(scene, term)),
            *(_told(scene, term), _paid(scene, term)),
        )
        for found in chain.from_iterable(every):
            if found.object not in done:
                done.add(found.object)
                yield found
    for term in find_revocations(scene):
        paid = _paid(scene, term) if is_withdrawal(term.column) else ()  # what is cancelled is paid back
        for found in (*_accepted(scene, term), *paid):
            if found.object not in done and not asks_for(scene, found.object, term):
                done.add(found.object)
                yield replace(found, sentence=found.sentence.replace(" is over,", " says so,"))
    yield from map(_tell_early, find_early(scene))
    yield from (_tell_anew(scene, one) for one in find_anew(scene))


def _opened(scene: Scene, term: Term) -> Iterator[Finding]:
    """By a row of the user's own, with which the user reaches more than without it."""
    sample = term.sample
    is_single = any(set(index.columns) <= owner_columns(sample) for index in sample.table.unique)
    if not owner_columns(sample) or (is_single and term.column.name in scene.said):
        return  # a row that stands for a user says more than one thing of him
    names = [
        name
        for name in sorted(scene.dependents(sample.table.name) - {sample.table.name})
        if term.column.name not in deciding_words(scene, [name])
    ]
    for persona in scene.users if names else ():
        own = own_condition(sample, persona)
        has = any(persona.id in row.owners for row in sample.rows)
        given = () if has else tuple(filter(None, [given_row(sample, persona)]))
        over, leave = f"{term.over} where {own}", f"delete from {sample.table.name} as t where {own}"
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in (*given, over)):
                continue
            after = measure_seen(scene, persona, names)
            if not run(scene.session, None, leave):
                continue
            without = measure_seen(scene, persona, names)
        given_steps = tuple(Step(statement=text) for text in given)
        far = Step(statement=f"{term.far} where {own}", shows=ROWS)
        setup = (*given_steps, Step(statement=over, shows=ROWS))
        for name, look in (*_lost(scene, after, without), *_inserts(scene, persona, names)):
            what = Step(who=persona, statement=look, shows=ROWS)
            left = Step(statement=leave, shows=ROWS)
            for refused in (NO_ROWS_SHOWN, "42501"):
                steps = (*setup, what, left, replace(what, shows=refused))
                is_undone = look.startswith("insert")
                if is_undone:
                    steps = (*setup, left, replace(what, shows=refused))
                    if not plays(scene.session, (*setup, what)):
                        continue
                if plays(scene.session, steps):
                    kept = (*setup, what) if is_undone else steps
                    verb = "insert" if is_undone else "select"
                    told = f"it opens {name} to {persona.name} as before"
                    found = _tell(scene, term, (name, verb), kept, told)
                    yield replace(found, kept=((*given_steps, far, what),))
                    return


def _lost(scene: Scene, after: Reach, without: Reach) -> Iterator[tuple[str, str]]:
    """What is only read as long as the row is there."""
    for name, keys in after.seen.items():
        sample = scene.sample_of[name]
        for key in sorted(keys - without.seen.get(name, frozenset()), key=str)[:2]:
            yield name, f"select 1 from {sample.table.name} where {condition(sample.key, key)}"


def _inserts(scene: Scene, persona: Persona, names: list[str]) -> Iterator[tuple[str, str]]:
    for sample in (one for one in scene.samples if one.object in names):
        some = [*own_inserts(sample, persona), *inserts_elsewhere(scene, sample, persona)]
        yield from ((sample.object, write.statement) for write in some[:_CALLS])


def _accepted(scene: Scene, term: Term) -> Iterator[Finding]:
    """By a function, after whose call the user reaches more."""
    for persona in scene.users:
        for function in callable_by(scene, persona):
            if function.volatility != "v" or term.sample not in samples_of(scene, function):
                continue
            if steps := _call(scene, term, persona, function):
                name = function.function
                told = f"{name} takes it, and lets {persona.name} in"
                yield _tell(scene, term, (name, "execute"), steps, told)


def _call(scene: Scene, term: Term, persona: Persona, function: Function) -> Steps | None:
    names = opened_by(scene, find_changed(scene, [function.function]))
    for setup in _setups(scene, term, persona, function):
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            before = measure_seen(scene, persona, names)
            for some in argument_lists(scene, function)[:_CALLS]:
                call = Call(function=function, arguments=some, persona=persona)
                with scene.session.undone():
                    if not run(scene.session, persona, call.statement):
                        continue
                    after = measure_seen(scene, persona, names)
                for name, look in _lost(scene, after, before):
                    if name != term.sample.object:
                        seen = Step(who=persona, statement=look, shows=NO_ROWS_SHOWN)
                        return (
                            *(Step(statement=text) for text in setup),
                            seen,
                            Step(who=persona, statement=call.statement),
                            replace(seen, shows=ROWS),
                        )
    return None


def _setups(scene: Scene, term: Term, persona: Persona, function: Function) -> Iterator[tuple[str, ...]]:
    """All is over; nothing was taken before; and the user is not in yet."""
    table = term.sample.table
    others = [
        f"{column.quoted} = null"
        for column in table.columns.values()
        if column.base in MOMENTS and not column.not_null and column.name != term.column.name
    ]
    fresh = (f"update {table.name} set {', '.join(others)}",) if others else ()
    leave = tuple(
        f"delete from {one.table.name} as t where {own_condition(one, persona)}"
        for one in samples_of(scene, function)
        if one is not term.sample and owner_columns(one) and one.table.kind in "rp" and _is_pair(one)
    )
    yield (term.over, *fresh)
    if leave:
        yield (term.over, *fresh, *leave)


def _is_pair(sample: Sample) -> bool:
    """Whether it says who is in what."""
    owners = owner_columns(sample)
    return any(owners & set(index.columns) and set(index.columns) - owners for index in sample.table.unique)


def _late(scene: Scene, term: Term) -> Iterator[Finding]:
    """Rows that may not begin any more, and are changed."""
    for name in sorted(scene.dependents(term.sample.table.name)):
        sample = scene.sample_of.get(name)
        if sample and owner_columns(sample) and term.column.name in deciding_words(scene, [name]):
            for persona in scene.users:
                if found := changed_late(scene, term, sample, persona):
                    column, steps = found
                    told = f"an INSERT into {name} is refused, and an UPDATE of {column} is not"
                    finding = _tell(scene, term, (name, "update"), steps, told)
                    in_time = (*steps[:-2], steps[-1])
                    yield replace(finding, columns=(column,), kept=(in_time,))
                    return


def _tell(scene: Scene, term: Term, deed: tuple[str, str], steps: Steps, told: str) -> Finding:
    name, verb = deed
    kind = "function" if verb == "execute" else "relation"
    return Finding(
        rule=RULE,
        object=name,
        actions=(verb,),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"once {term.column.name} of a row of {term.sample.object} is over, {told}.",
        steps=steps,
        cause=f"expired {name}",
        about=(
            *(p.key for p in scene.policies.get(_oid(scene, name), ()) if p.command in (verb, "all")),
            ObjectKey(kind=kind, object=name, name=""),
        ),
    )


def _told(scene: Scene, term: Term) -> Iterator[Finding]:
    """By a function that only reads."""
    for persona, function, steps in told_late(scene, term):
        who = tuple(p.name for p in scene.people if function in callable_by(scene, p))
        told = f"{function.function} tells {persona.name} what it told before"
        yield replace(_tell(scene, term, (function.function, "execute"), steps, told), who=who)


def _paid(scene: Scene, term: Term) -> Iterator[Finding]:
    """By a function after whose call a number of the caller's own row is more."""
    for persona, function, steps in paid_late(scene, term):
        told = f"{function.function} takes it, and pays {persona.name} for it"
        yield _tell(scene, term, (function.function, "execute"), steps, told)


def _tell_early(one: Early) -> Finding:
    table = one.place.table
    asks = "policy" if table.secured else "condition"
    reading = [
        p.key for p in table.privileges[one.readers[0].role].policies if p.command in ("select", "all")
    ]
    return Finding(
        rule=RULE,
        object=table.name,
        columns=(one.column.name,),
        actions=("select",),
        who=tuple(persona.name for persona in one.readers),
        severity=one.severity,
        sentence=f"{anyone(one.readers)} reads rows of others in {table.name} before their "
        f"{one.column.name} has come: no {asks} compares it with the present.",
        steps=one.steps,
        cause=f"early {one.place.sample.object}",
        about=(*reading, ObjectKey(kind="relation", object=table.name, name="")),
    )


def _tell_anew(scene: Scene, one: Anew) -> Finding:
    table, name = one.sample.table, one.persona.name
    deleting = [p.key for p in scene.policies.get(table.oid, ()) if p.command in ("delete", "all")]
    return Finding(
        rule=RULE,
        object=one.sample.object,
        columns=(one.column.name,),
        actions=("delete", "insert"),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"once {one.column.name} of {name}'s own row in {table.name} closes {one.opened}, {name} "
        "removes the row, enters it anew and is let in again, though no UPDATE and no second row does that.",
        steps=one.steps,
        cause=f"anew {table.name}",
        about=(*deleting, ObjectKey(kind="relation", object=table.name, name="")),
    )


def _oid(scene: Scene, name: str) -> int:
    sample = scene.sample_of.get(name)
    return sample.table.oid if sample else 0
