"""Addresses that are compared with a fragment: a domain that is merely an end of another, or a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.prepared import deciding_words
from pgassay.audit.reach import Keys, measure_seen
from pgassay.audit.scene import Scene, run
from pgassay.audit.writes import make_room, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, condition, literal
from pgassay.observation import Persona

_UNLIKE = "nowhere.invalid"
_ROWS, _CALLS = 2, 6


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A text that may be compared with a user's address, and what may be open because of it."""

    sample: Sample
    column: Column
    names: tuple[str, ...]
    calls: tuple[Call, ...]


def find_fragments(scene: Scene) -> Iterator[Finding]:
    """One finding for each table that a fragment opens."""
    done: set[str] = set()
    is_asked = "email" in scene.said or any("email" in path for path in scene.literals.paths)
    if not scene.users or not is_asked:
        return
    user = scene.users[0]
    address = str(user.claims.get("email") or f"{user.name}@example.com")
    persona = replace(user, claims={**user.claims, "email": address})
    for sample in scene.samples:
        if (
            sample.table.kind in "rp"
            and sample.object == sample.table.name
            and scene.is_the_projects(sample.table)
        ):
            for asked in _columns(scene, sample, persona):
                for found in _of(scene, asked, persona):
                    if found.object not in done:
                        done.add(found.object)
                        yield found


def _columns(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Asked]:
    table = sample.table
    refers = {name for key in table.foreign_keys for name in key.columns} | owner_columns(sample)
    names = tuple(sorted(scene.dependents(table.name) | {table.name}))
    words = deciding_words(scene, names)
    calls = tuple(
        Call(function=function, arguments=some, persona=persona)
        for function in callable_by(scene, persona)
        if sample in samples_of(scene, function) and not scene.is_unending(function)
        for some in argument_lists(scene, function)[:_CALLS]
    )
    for column in table.columns.values():
        if column.base in TEXTS and column.name not in refers and not column.generated:
            some = tuple(c for c in calls if column.name in find_literals([c.function.text]).words)
            if column.name in words or some:
                yield _Asked(
                    sample=sample, column=column, names=names if column.name in words else (), calls=some
                )


def _fragments(persona: Persona) -> Iterator[str]:
    """Of the domain and of the address: less at an end, or more, so that it is another's."""
    address = str(persona.claims["email"])
    domain = address.rpartition("@")[2]
    for whole in (domain, address):
        yield from (whole[1:], whole[:-1], f"not{whole}", f"{whole}.not")


def _of(scene: Scene, asked: _Asked, persona: Persona) -> Iterator[Finding]:
    for row in asked.sample.rows[:_ROWS]:
        where = condition(asked.sample.key, row.key)
        change = f"update {asked.sample.table.name} set {asked.column.quoted} = {{}} where {where}"
        closed = _seen(scene, asked, persona, change.format(literal(_UNLIKE)))
        for fragment in _fragments(persona) if closed is not None else ():
            opened = _seen(scene, asked, persona, change.format(literal(fragment)))
            for (deed, name), keys in (opened or {}).items():
                new = keys - (closed or {}).get((deed, name), frozenset())
                if closed is not None and (deed, name) in closed and new:
                    key = min(new, key=str)
                    if found := _tell(scene, asked, persona, (change, row, fragment), (deed, name, key)):
                        yield found
                        return


def _seen(
    scene: Scene, asked: _Asked, persona: Persona, change: str
) -> dict[tuple[Call | None, str], Keys] | None:
    """What the persona reads then, as things are and after each call; "" for what a call answers."""
    found: dict[tuple[Call | None, str], Keys] = {}
    with scene.session.undone():
        if not run(scene.session, None, change):
            return None
        if asked.names:
            found |= {(None, n): keys for n, keys in measure_seen(scene, persona, asked.names).seen.items()}
        answers = scene.ask(persona, [[call.statement] for call in asked.calls])
        for call, answer in zip(asked.calls, answers, strict=True):
            is_told = not answer.sqlstate and bool(answer.rows[0]) and any(answer.rows[0][0])
            found[call, ""] = (
                frozenset([("told",)]) if is_told and call.function.volatility != "v" else frozenset()
            )
            if call.function.volatility == "v":
                with scene.session.undone():
                    for text in _rooms(scene, call):
                        run(scene.session, None, text)
                    run(scene.session, persona, call.statement)
                    after = measure_seen(scene, persona).seen
                found |= {(call, name): keys for name, keys in after.items()}
    return found


def _rooms(scene: Scene, call: Call) -> list[str]:
    """After which the persona is in nothing that the function may let him into."""
    some = [s for s in samples_of(scene, call.function) if s.table.kind in "rp" and owner_columns(s)]
    return [make_room(sample, call.persona) for sample in some]


def _tell(
    scene: Scene,
    asked: _Asked,
    persona: Persona,
    planted: tuple[str, Row, str],
    opened: tuple[Call | None, str, tuple[str | None, ...]],
) -> Finding | None:
    (change, _, fragment), (call, name, _) = planted, opened
    steps = _steps(scene, persona, change, fragment, opened)
    if not plays(scene.session, steps):
        return None
    table, column = asked.sample.table, asked.column
    sample = scene.sample_of.get(name)
    function = call.function.function if call else ""
    what = f"reads {name}" if sample else f"is told something by {function}"
    through = f" after a call of {function}" if call and sample else ""
    policies = scene.policies.get(sample.table.oid, ()) if sample and not call else ()
    return Finding(
        rule="claims",
        object=function or name,
        actions=("execute",) if call else ("select",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{persona.name}, whose address is {persona.claims['email']}, {what}{through} where "
        f"{column.name} of a row of {table.name} is {fragment!r}: only a part of an address is compared.",
        steps=steps,
        cause=f"fragments {function or name}",
        about=(
            *(p.key for p in policies if p.command in ("select", "all")),
            ObjectKey(kind="function" if call else "relation", object=function or name, name=""),
        ),
    )


def _steps(
    scene: Scene,
    persona: Persona,
    change: str,
    fragment: str,
    opened: tuple[Call | None, str, tuple[str | None, ...]],
) -> Steps:
    call, name, key = opened
    sample = scene.sample_of.get(name)
    look = f"select 1 from {sample.table.name} where {condition(sample.key, key)}" if sample else ""
    deeds: Sequence[str] = [call.statement] if call and sample else []
    shown = look or f"select 1 from ({call.statement if call else ''}) as r where r is not null"
    rooms = _rooms(scene, call) if call and deeds else []
    steps = [Step(statement=text) for text in rooms]
    for value, shows in ((_UNLIKE, NO_ROWS_SHOWN), (fragment, ROWS)):
        steps.append(Step(statement=change.format(literal(value)), shows=ROWS))
        steps += [Step(who=persona, statement=text) for text in deeds if shows == ROWS]
        steps.append(Step(who=persona, statement=shown, shows=shows))
    return tuple(steps)
