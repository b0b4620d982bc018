"""Sign-up: metadata that whoever signs up chooses, and what he is and reaches by them.

What only the server sets, `raw_app_meta_data`, is never a finding.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pgassay.audit.listed import has_constant, is_empty, listed_values
from pgassay.audit.metadata import (
    MOST,
    Document,
    Event,
    Facts,
    asked_elsewhere,
    chosen,
    from_the_server,
    hostile,
    look_at,
    new_metadata,
    observe,
    ordinary,
    sign_up,
    spelled,
    texts_that_ask,
)
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import Reach
from pgassay.audit.rules.signup.addresses import find_addresses
from pgassay.audit.rules.signup.metadata_gains import Gain, find_gains, reach_after
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.words import does, does_to, is_standing, is_taste
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Constraint, Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.diff.metadata import USERS, VALUES, leaves
from pgassay.matrix.statements import NUMBERS, TEXTS, literal

RULE = "signup"
_TRIED = 6
_WORDLESS = {spelled(value) for value in VALUES if not isinstance(value, str)}
_PLAIN = (*NUMBERS, "bool")

Told = tuple[str, str]
"""A table and a column; of what is only reached the object and ""."""


_Pair = tuple[Event, Event]
"""The same ordinary event of two accounts."""


def find(scene: Scene) -> Iterator[Finding]:
    """One finding for each column that the metadata decide, or object that they open."""
    if USERS not in scene.surface.by_name or not scene.users:
        return
    texts = texts_that_ask(scene)
    plain = ordinary(scene, texts)
    if plain is None:
        scene.untried.append("sign-ups: none passes the schema's triggers")
        return
    yield from find_addresses(scene, plain, RULE)
    if texts:
        yield from _signing_up(scene, texts, plain)


def _signing_up(scene: Scene, texts: Sequence[str], plain: Document) -> Iterator[Finding]:
    documents = list(islice(hostile(scene, texts), MOST + 1))
    if len(documents) > MOST:
        scene.untried.append(f"sign-ups with more than the first {MOST} of hostile metadata")
    done: set[Told] = set()
    for make in (sign_up, new_metadata):
        # The twin is somebody else, so that a witness can show both; it writes as the first does.
        pair = (make(scene, plain), make(scene, plain, number=1))
        events = [make(scene, plain, given, number=1) for given in documents[:MOST]]
        for told, finding in _of_kind(scene, pair, events):
            if told not in done:
                done.add(told)
                yield finding


def _of_kind(scene: Scene, pair: _Pair, events: Sequence[Event]) -> Iterator[tuple[Told, Finding]]:
    """By what the events write otherwise; then by what they open without writing any such thing."""
    usual = pair[1]
    plain, again, other, *found = observe(scene, [usual, usual, pair[0], *events])
    if plain is None or again is None:
        return
    same = _constants(usual, plain, other or {})
    by_column: dict[Told, list[tuple[Event, str]]] = defaultdict(list)
    silent: list[Event] = []
    for event, facts in zip(events, found, strict=True):
        differing = list(chosen(plain, again, facts, event.given)) if facts is not None else []
        for table, column, value in differing:
            by_column[table, column].append((event, value))
        if facts is not None and not differing:
            silent.append(event)
    reached = reach_after(scene, usual)
    for told, some in by_column.items():
        begins = same.get(told)
        if finding := _of_column(scene, pair, told, some, reached=reached, plain=plain, begins=begins):
            yield told, finding
    for event in silent:
        for gain in find_gains(scene, usual, event, reached)[:1]:
            yield (gain.object, ""), _tell_gain(scene, pair, event, gain)


def _of_column(  # noqa: PLR0913 - what was seen, by name
    scene: Scene,
    pair: _Pair,
    told: Told,
    some: Sequence[tuple[Event, str]],
    *,
    reached: Reach,
    plain: Facts,
    begins: str | None,
) -> Finding | None:
    some = list({value: (event, value) for event, value in reversed(some)}.values())[::-1]
    tried = [(e, v) for e, v in some if not _may_anyway(scene, pair[1], told, v)][:_TRIED]
    opened = [(e, v, gains) for e, v in tried if (gains := find_gains(scene, pair[1], e, reached))]
    opened.sort(key=lambda one: one[2][0].action == "select")
    if opened:
        event, value, gains = opened[0]
        return _tell(scene, pair, told, event, value=value, gains=gains)
    said = begins is not None
    counted = told in plain and None not in plain[told]
    for event, value in sorted(tried, key=lambda one: one[1] in _WORDLESS):  # a word says more
        if (severity := _weigh(scene, told, value, said=said, counted=counted)) is not None:
            found = _tell(scene, pair, told, event, value=value, gains=[])
            return replace(found, severity=severity)
    return None


def _constants(usual: Event, plain: Facts, other: Facts) -> dict[Told, str]:
    """What rows of any account begin with, by the schema's own word: alike in two, and nothing they said."""
    said = {spelled(value) for value in leaves(usual.plain)}
    both = {told: values & other.get(told, frozenset()) for told, values in plain.items() if len(values) == 1}
    return {told: value for told, values in both.items() for value in values if value and value not in said}


def _may_anyway(scene: Scene, usual: Event, told: Told, value: str) -> bool:
    """Whether the user may set the column to the value himself, after an ordinary event."""
    table, column = told
    sample = scene.sample_of.get(table)
    if sample is None:
        return False
    own = own_condition(sample, usual.persona)
    text = f"update {table} as t set {quoted(column)} = {literal(value)} where {own}"
    kept = f"select 1 from {table} as t where {own} and t.{quoted(column)}::text = {literal(value)}"
    with scene.session.undone():
        for statement in usual.statements:
            run(scene.session, None, statement)
        if not run(scene.session, usual.persona, text):
            return False
        with scene.session.as_owner():
            return scene.session.attempt(kept).rowcount > 0


def _weigh(scene: Scene, told: Told, value: str, *, said: bool, counted: bool) -> Severity | None:
    """What the metadata decide without opening anything; None where it is the user's to say.

    Groups, what a CHECK or an enum lists, what the schema asks for elsewhere; and where the schema has a
    value of its own, that of the column's default. Without one, what a trigger gives all accounts may be no
    more than a text to begin with: there names rank.
    """
    table = scene.surface.by_name[told[0]]
    column = table.columns[told[1]]
    refers = any(column.name in key.columns and key.target != USERS for key in table.foreign_keys)
    listed = any(
        c.type == "c" and value in find_literals([c.definition]).strings
        for c in scene.catalog.parts(Constraint).get(table.oid, ())
    )
    if column.labels or listed or refers or value in listed_values(scene, table, column):
        return Severity.MEDIUM
    if column.name in asked_elsewhere(scene) and not column.base.startswith("json"):
        return Severity.MEDIUM
    if column.base in _PLAIN and counted:
        return Severity.MEDIUM  # the schema says how an account begins, and the user says otherwise
    if column.base in TEXTS and has_constant(column) and not is_empty(column):
        return Severity.INFO if is_taste(column) else Severity.MEDIUM
    if column.base in TEXTS and said:
        return Severity.MEDIUM if is_standing(column, table.relation) else Severity.INFO
    return None


def _witness(pair: _Pair, event: Event, gain: Gain) -> Steps:
    """An ordinary account reaches nothing, and the other does."""
    before = pair[0]
    return (
        *(Step(statement=text) for text in before.statements),
        Step(who=before.persona, statement=gain.statement, shows=NO_ROWS_SHOWN),
        *(Step(statement=text) for text in event.statements),
        Step(who=event.persona, statement=gain.statement, shows=ROWS),
    )


def _said(event: Event) -> str:
    given = json.dumps(event.given, ensure_ascii=False)
    return (
        f"Whoever signs up with the metadata {given}"
        if event.verb == "insert"
        else f"Whoever signs up, and then gives the metadata {given},"
    )


def _tell(  # noqa: PLR0913 - what was seen, by name
    scene: Scene,
    pair: _Pair,
    told: Told,
    event: Event,
    *,
    value: str,
    gains: Sequence[Gain],
) -> Finding:
    table, column = told
    look = Step(statement=look_at(table, column, value), shows=ROWS)
    more = does_to(((gain.action, gain.object) for gain in gains), what="rows of") if gains else ""
    steps = (
        _witness(pair, event, gains[0])
        if gains
        else (*(Step(statement=text) for text in event.statements), look)
    )
    return Finding(
        rule=RULE,
        object=table,
        columns=(column,),
        actions=(event.verb,),
        who=(event.persona.name,),
        severity=_severity(gains),
        sentence=f"{_said(event)} gets {table}.{column} = {value!r}, which no user may set himself"
        + (f", and then {more}." if more else "."),
        steps=steps,
        cause=f"own {event.verb} {table} {column}",
        about=(*_functions(scene), ObjectKey(kind="relation", object=table, name="")),
        candidates=(tuple(from_the_server(scene, event.given)),),
    )


def _tell_gain(scene: Scene, pair: _Pair, event: Event, gain: Gain) -> Finding:
    return Finding(
        rule=RULE,
        object=gain.object,
        actions=(gain.action,),
        who=(event.persona.name,),
        severity=_severity([gain]),
        sentence=f"{_said(event)} {does([gain.action])} rows of {gain.object}: "
        "a condition trusts what users write themselves.",
        steps=_witness(pair, event, gain),
        cause=f"claims {gain.object}",
        about=(*_functions(scene), ObjectKey(kind="relation", object=gain.object, name="")),
        candidates=(tuple(from_the_server(scene, event.given)),),
    )


def _severity(gains: Sequence[Gain]) -> Severity:
    if any(gain.action != "select" for gain in gains):
        return Severity.CRITICAL
    return Severity.HIGH if gains else Severity.MEDIUM


def _functions(scene: Scene) -> Iterator[ObjectKey]:
    asking = set(texts_that_ask(scene))
    for function in scene.catalog.of(Function):
        if scene.is_ours(function) and function.text in asking:
            yield ObjectKey(kind="function", object=function.function, name="")
